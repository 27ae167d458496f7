"""Which operators of the standard are declared: all but those named here."""

from __future__ import annotations

import onnx

from sardonyx.ops import lookup

# Take a name out when its block is there.
MISSING: dict[str, set[str]] = {
    "": {
        "AffineGrid",
        "BlackmanWindow",
        "DFT",
        "GridSample",
        "HammingWindow",
        "HannWindow",
        "ImageDecoder",
        "MelWeightMatrix",
        "RegexFullMatch",
        "Resize",
        "STFT",
        "StringConcat",
        "StringNormalizer",
        "StringSplit",
        "TfIdfVectorizer",
    },
    "ai.onnx.ml": {
        "ArrayFeatureExtractor",
        "Binarizer",
        "CastMap",
        "CategoryMapper",
        "DictVectorizer",
        "FeatureVectorizer",
        "Imputer",
        "LabelEncoder",
        "LinearClassifier",
        "LinearRegressor",
        "Normalizer",
        "OneHotEncoder",
        "SVMClassifier",
        "SVMRegressor",
        "Scaler",
        "TreeEnsemble",
        "TreeEnsembleClassifier",
        "TreeEnsembleRegressor",
        "ZipMap",
    },
}


def test_the_missing_operators_are_those_named() -> None:
    missing: dict[str, set[str]] = {}
    for schema in onnx.defs.get_all_schemas_with_history():
        if lookup(schema.domain, schema.name) is None:
            missing.setdefault(schema.domain, set()).add(schema.name)
    assert missing == MISSING
