"""Calls a running model server with the clients of Triton and KServe, as their users do, and compares every answer.

Usage: check_serving.py HOST:PORT. The server has to serve the model `echo`, with the inputs `x` (FP32, doubled as `doubled`), `y`
(FP64), `text` (BYTES) and `image` (UINT8), which it gives back as `number`, `text_back` and `image_back`, and to accept requests that
load and unload models. Prints one line for each call that was compared.
"""

import asyncio
import sys

import numpy
import tritonclient.http as triton
from kserve import InferInput, InferRequest, InferenceRESTClient, RESTConfig
from tritonclient.utils import InferenceServerException

X = numpy.array([[1.5, -2.0], [3.0, 4.0]], dtype=numpy.float32)
Y = numpy.array([[0.25], [1e300]], dtype=numpy.float64)
TEXT = numpy.array([["a"], ["größe 日本"]], dtype=object)
IMAGE = numpy.array([[0, 1, 2], [3, 4, 255]], dtype=numpy.uint8)
INPUTS = [("x", X, "FP32"), ("y", Y, "FP64"), ("text", TEXT, "BYTES"), ("image", IMAGE, "UINT8")]
EXPECTED = {"doubled": X * 2, "number": Y, "image_back": IMAGE}


def check(name, holds):
    if not holds:
        raise SystemExit(f"{name}: the answer is not as expected")
    print(f"ok {name}")


def check_triton(address):
    client = triton.InferenceServerClient(address)
    check("triton live", client.is_server_live())
    check("triton ready", client.is_server_ready())
    check("triton model ready", client.is_model_ready("echo"))
    check("triton server metadata", client.get_server_metadata()["name"] == "slipway-server")
    metadata = client.get_model_metadata("echo")
    check("triton model metadata", [tensor["name"] for tensor in metadata["inputs"]] == [name for name, _, _ in INPUTS])
    version = metadata["versions"][0]
    check("triton version", client.is_model_ready("echo", version))

    for is_raw_in in [True, False]:
        inputs = []
        for name, values, kind in INPUTS:
            tensor = triton.InferInput(name, list(values.shape), kind)
            tensor.set_data_from_numpy(values, binary_data=is_raw_in)
            inputs.append(tensor)
        for is_raw_out in [True, False]:
            names = [*EXPECTED, "text_back"]
            outputs = [triton.InferRequestedOutput(name, binary_data=is_raw_out) for name in names]
            for packed in [None, "gzip", "deflate"]:
                found = client.infer(
                    "echo",
                    inputs,
                    outputs=outputs,
                    request_id="7",
                    model_version=version,
                    request_compression_algorithm=packed,
                    response_compression_algorithm=packed,
                )
                form = f"triton infer raw in {is_raw_in}, raw out {is_raw_out}, {packed}"
                same = all(numpy.array_equal(found.as_numpy(name), values) for name, values in EXPECTED.items())
                texts = [text.decode() if isinstance(text, bytes) else text for text in found.as_numpy("text_back").ravel()]
                check(form, same and texts == list(TEXT.ravel()) and found.get_response()["id"] == "7")
        check(f"triton infer all outputs raw in {is_raw_in}", len(client.infer("echo", inputs).get_response()["outputs"]) == 4)
    try:
        client.infer("echo", inputs[:1])
        check("triton missing input", False)
    except InferenceServerException as error:
        check("triton missing input", "the input `y` is missing" in str(error) and "400" in error.status())

    statistics = client.get_inference_statistics("echo")["model_stats"][0]
    check("triton statistics", statistics["inference_stats"]["success"]["count"] == 14)
    check("triton index", client.get_model_repository_index()[0]["state"] == "READY")
    client.unload_model("echo")
    check("triton unload", not client.is_model_ready("echo"))
    client.load_model("echo")
    check("triton load", client.is_model_ready("echo"))
    client.close()


async def check_kserve(address):
    client = InferenceRESTClient(RESTConfig(protocol="v2"))
    url = f"http://{address}"
    check("kserve live", await client.is_server_live(url))
    check("kserve ready", await client.is_server_ready(url))
    check("kserve model ready", await client.is_model_ready(url, "echo"))
    for is_raw in [True, False]:
        inputs = []
        for name, values, kind in INPUTS:
            tensor = InferInput(name, list(values.shape), kind)
            tensor.set_data_from_numpy(values, binary_data=is_raw)
            inputs.append(tensor)
        request = InferRequest("echo", inputs, request_id="8")
        found = await client.infer(url, request, model_name="echo")
        same = all(
            numpy.array_equal(output.as_numpy(), EXPECTED[output.name])
            for output in found.outputs
            if output.name in EXPECTED
        )
        check(f"kserve infer raw in {is_raw}", same and len(found.outputs) == 4 and found.id == "8")


if __name__ == "__main__":
    check_triton(sys.argv[1])
    asyncio.run(check_kserve(sys.argv[1]))
