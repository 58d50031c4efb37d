"""Okta's own Python SDK, unchanged, as a service app: users, groups, an app's keys and the System Log.

One JSON value on stdin, one on stdout. The SDK's models are strict, so what it reads is as Okta says it.
"""

import asyncio
import importlib.metadata
import json
import logging
import os
import sys

# The SDK takes unset options from OKTA_CLIENT_*, and sends even loopback traffic through a proxy found here.
for name in list(os.environ):
    if name.lower() in ("http_proxy", "https_proxy", "all_proxy") or name.startswith("OKTA_"):
        del os.environ[name]
# The sandbox speaks plain HTTP on loopback; the SDK takes this setting from nowhere else.
os.environ["OKTA_TESTING_TESTINGDISABLEHTTPSCHECK"] = "true"

from okta.client import Client  # noqa: E402

logging.disable(logging.CRITICAL)  # what goes wrong is said below, without requests


def good(answer):
    """The value of an answer of the SDK, which is value, response and error."""
    if answer[-1] is not None:
        raise RuntimeError(str(answer[-1]))
    return answer[0]


def parts(model):
    """What the model holds, by Okta's names. One of several shapes is a model around another."""
    inner = getattr(model, "actual_instance", None)
    if inner is not None:
        return parts(inner)
    return model.model_dump(by_alias=True, mode="json")


async def examine(config):
    client = Client({
        "orgUrl": config["orgUrl"],
        "authorizationMode": "PrivateKey",
        "clientId": config["clientId"],
        "scopes": config["scopes"],
        "privateKey": config["privateKeyPem"],
        "kid": config["keyId"],
    })
    return {
        "sdk_version": importlib.metadata.version("okta"),
        "users": [parts(user) for user in good(await client.list_users())],
        "groups": [parts(group) for group in good(await client.list_groups())],
        "app": parts(good(await client.get_application(config["clientId"]))),
        "keys": [parts(key) for key in good(await client.list_jwk(config["clientId"]))],
        "log": [parts(event) for event in good(await client.list_log_events())],
        "chosen": [parts(event) for event in good(await client.list_log_events(filter=config["filter"]))],
    }


def main():
    try:
        answer = asyncio.run(examine(json.load(sys.stdin)))
    except Exception as cause:  # whatever it is, the test wants to know
        answer = {"error": f"{type(cause).__name__}: {cause}"}
    print(json.dumps(answer))
    return "error" in answer


if __name__ == "__main__":
    sys.exit(main())
