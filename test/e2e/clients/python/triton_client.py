"""The published Triton HTTP client against a running aictl-server.

Health, metadata, an inference of a forecast, and the error of an unknown
model. Reads AICTL_HOST (host:port), AICTL_API_KEY and AICTL_MODEL.
"""

import os

import numpy as np
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException, triton_to_np_dtype

HOST = os.environ["AICTL_HOST"]
MODEL = os.environ["AICTL_MODEL"]
HEADERS = {"Authorization": "Bearer " + os.environ["AICTL_API_KEY"]}


def passed(what):
    print("ok", what, flush=True)


with triton.InferenceServerClient(url=HOST, connection_timeout=30, network_timeout=30) as client:
    assert client.is_server_live(headers=HEADERS)
    assert client.is_server_ready(headers=HEADERS)
    assert client.is_model_ready(MODEL, headers=HEADERS)
    passed("health")

    server = client.get_server_metadata(headers=HEADERS)
    assert server["name"] and server["version"], server
    metadata = client.get_model_metadata(MODEL, headers=HEADERS)
    assert metadata["name"] == MODEL, metadata
    assert metadata["inputs"] and metadata["outputs"], metadata
    passed("metadata")

    # The tensors by their metadata: a season of 7 over ten weeks, 7 ahead.
    series = np.array([10 + (i % 7) for i in range(70)], dtype=np.float64)
    inputs = []
    for described in metadata["inputs"]:
        if described["name"] not in ("values", "horizon"):
            continue  # what else it takes is optional
        value = series if described["name"] == "values" else np.array([7])
        value = value.astype(triton_to_np_dtype(described["datatype"]))
        tensor = triton.InferInput(described["name"], list(value.shape), described["datatype"])
        tensor.set_data_from_numpy(value, binary_data=False)
        inputs.append(tensor)
    assert len(inputs) == 2, metadata["inputs"]
    outputs = [triton.InferRequestedOutput(o["name"], binary_data=False) for o in metadata["outputs"]]
    result = client.infer(MODEL, inputs, outputs=outputs, headers=HEADERS)
    name = next(o["name"] for o in metadata["outputs"] if o["datatype"] in ("FP64", "FP32"))
    forecast = result.as_numpy(name)
    assert forecast.size >= 7, forecast
    expected = [10 + (i % 7) for i in range(70, 77)]
    assert np.allclose(forecast.reshape(-1)[:7], expected, atol=0.5), (forecast, expected)
    passed("infer")

    try:
        client.get_model_metadata("no-such-model", headers=HEADERS)
        raise SystemExit("an unknown model was described")
    except InferenceServerException as err:
        assert "no-such-model" in str(err), err
    passed("unknown model is an InferenceServerException")
