"""The words every room shares: element types, symbolic dims, errors."""
