"""Operators of ONNX that are not read, with the reason and the way out."""

from __future__ import annotations

_QUANTISED = "the model is quantised; export the float model, before any quantisation of its exporter or ONNX Runtime"
_QUANTISED_PREFIXES = ("QLinear", "QGemm", "QAttention", "Quantize", "Dequantize", "DynamicQuantize", "MatMulInteger")
_CONTROL = "control flow, which a Caffe net does not have; export the model for fixed sizes, without loops and branches"
_DETECTION = "boxes that depend on the values of the input; end the model before them (onnx.utils.extract_model)"
_SEQUENCE = "a sequence of tensors; export the model so that it takes and returns tensors"
_TEXT = "texts, which Caffe has not; prepare them outside the net"
_COMPLEX = "complex numbers, which Caffe has not; compute the transform outside the net"
_RANDOM = "random values; export the model in evaluation mode"
_LOSS = "a loss; export the model without it, in evaluation mode"
_SIZE = "the size of its result depends on the values of the input, and a Caffe net has fixed sizes"
_ATTENTION = "a product of two values that both depend on the input, as all attention is, which no Caffe layer computes"
_SAMPLING = "it reads the input at places that it computes, which no Caffe layer does"


def _all(reason: str, *ops: str) -> dict[str, str]:
    return dict.fromkeys(ops, reason)


REFUSED: dict[str, str] = {
    **_all(_CONTROL, "If", "Loop", "Scan", "SequenceMap"),
    **_all(
        _QUANTISED,
        "QuantizeLinear",
        "DequantizeLinear",
        "DynamicQuantizeLinear",
        "QLinearConv",
        "QLinearMatMul",
        "ConvInteger",
        "MatMulInteger",
    ),
    **_all(_DETECTION, "NonMaxSuppression", "RoiAlign", "MaxRoiPool"),
    **_all(
        _SEQUENCE,
        "SequenceAt",
        "SequenceConstruct",
        "SequenceEmpty",
        "SequenceErase",
        "SequenceInsert",
        "SequenceLength",
        "SplitToSequence",
        "ConcatFromSequence",
        "Optional",
        "OptionalGetElement",
        "OptionalHasElement",
    ),
    **_all(_TEXT, "StringConcat", "StringNormalizer", "StringSplit", "RegexFullMatch", "TfIdfVectorizer"),
    **_all(_COMPLEX, "DFT", "STFT", "MelWeightMatrix"),
    **_all(
        _RANDOM, "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial"
    ),
    **_all(_LOSS, "NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss"),
    **_all(_SIZE, "Unique", "Compress"),
    **_all(_ATTENTION, "Attention", "RotaryEmbedding"),
    **_all(_SAMPLING, "DeformConv", "GridSample", "AffineGrid", "MaxUnpool", "Col2Im", "ReverseSequence"),
    "ImageDecoder": "it decodes a file of a picture; give the net the pixels",
    "Det": "a determinant, which no Caffe layer computes",
}
"""Reason by operator; every operator of the opsets that are read is either here or has a translator."""

DOMAINS: dict[str, str] = {
    "com.microsoft": "an operator that ONNX Runtime made of others; give the model as it was before that",
    "com.microsoft.nchwc": "an operator that ONNX Runtime made for one processor; give the model as it was before",
    "ai.onnx.ml": "an operator of classical machine learning (trees, vectors), not of a network",
    "ai.onnx.training": "an operator of training; export the model in evaluation mode",
    "org.pytorch.aten": "an operator that PyTorch left as it was; export with operator_export_type=ONNX",
}
"""What nodes of well-known domains are."""

UNKNOWN_DOMAIN = "a custom operator, of which only its program knows what it computes; replace it by operators of ONNX"


def reason_against(op: str, domain: str) -> str:
    """Why an operator without a translator is not read."""
    if domain and op.startswith(_QUANTISED_PREFIXES):
        return _QUANTISED
    if domain:
        return DOMAINS.get(domain, UNKNOWN_DOMAIN)
    return REFUSED.get(op, "no operator of ONNX in the opset of the model; export it again")
