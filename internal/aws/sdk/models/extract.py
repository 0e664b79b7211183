#!/usr/bin/env python3
"""Writes the models of services from those of the installed botocore: python3 extract.py

Each file is botocore's service-2.json without what a client does not need (documentation, enumerations, bounds, patterns, and what is
required of others than what operations take),
under the name that Step Functions calls the service by. botocore is licensed under the Apache License 2.0, as its models are."""
import gzip, json, os, re

import botocore

SERVICES = (
    # those that Step Functions calls through AWS's SDK
    "s3 sqs sns dynamodb lambda stepfunctions events secretsmanager ssm kms sts ecs ecr batch glue athena kinesis firehose cloudwatch logs sesv2 "
    "bedrock-runtime rekognition textract comprehend translate polly scheduler iam swf dataexchange "
    # and those that it has integrations of its own with
    "sagemaker codebuild emr emr-serverless emr-containers eks databrew mediaconvert bedrock"
).split()
# Services that Step Functions has and botocore no longer does, and operations that Step Functions does not have: its Developer Guide,
# AWS SDK service integrations.
RETIRED = (
    "apptest elasticinference elastictranscoder evidently honeycode iotanalytics iotfleethub lookoutmetrics lookoutvision opsworks opsworkscm privatenetworks qldb qldbsession "
    "robomaker sms"
).split()
UNSUPPORTED = {
    "applicationdiscovery": "describeExportConfigurations exportConfigurations",
    "bedrockruntime": "invokeModelWithResponseStream converseStream",
    "bedrockagentruntime": "invokeAgent invokeFlow invokeInlineAgent optimizePrompt retrieveAndGenerateStream",
    "cloudwatchlogs": "startLiveTail",
    "codedeploy": "batchGetDeploymentInstances getDeploymentInstance listDeploymentInstances skipWaitTimeForInstanceTermination",
    "comprehendmedical": "detectEntities",
    "dataexchange": "sendApiAsset",
    "directconnect": "allocateConnectionOnInterconnect describeConnectionLoa describeConnectionsOnInterconnect describeInterconnectLoa",
    "efs": "createTags",
    "emr": "describeJobFlows",
    "elastictranscoder": "testRole",
    "iot": "attachPrincipalPolicy listPrincipalPolicies detachPrincipalPolicy listPolicyPrincipals",
    "iotdeviceadvisor": "listTestCases",
    "iotsitewise": "invokeAssistant",
    "kinesis": "subscribeToShard",
    "lambda": "invokeAsync invokeWithResponseStream",
    "lexruntimev2": "startConversation",
    "mediapackage": "rotateChannelCredentials",
    "qbusiness": "chat",
    "rdsdata": "executeSql",
    "s3": "selectObjectContent",
    "sagemakerruntime": "invokeEndpointWithResponseStream",
    "shield": "deleteSubscription",
    "sts": "assumeRole assumeRoleWithSAML assumeRoleWithWebIdentity",
}
NEEDLESS = {
    "documentation", "documentationUrl", "examples", "enum", "pattern", "min", "max", "required", "deprecated", "deprecatedMessage", "deprecatedSince",
    "sensitive", "fault", "synthetic", "box", "idempotent", "readonly", "endpoint", "endpointdiscovery", "endpointoperation", "auth", "authtype",
    "staticContextParams", "operationContextParams", "contextParam", "hostLabel", "senderFault", "retryable", "wrapper",
}


def load(service):
    folder = os.path.join(os.path.dirname(botocore.__file__), "data", service)
    name = os.path.join(folder, sorted(os.listdir(folder))[-1], "service-2.json")
    with gzip.open(name + ".gz") if os.path.exists(name + ".gz") else open(name) as f:
        return json.load(f)


def strip(x, named=False):
    """named: the members of x are called as their owner likes."""
    if isinstance(x, dict):
        return {k: strip(v, k in ("members", "shapes", "operations") and not named) for k, v in sorted(x.items()) if named or k not in NEEDLESS}
    return [strip(v) for v in x] if isinstance(x, list) else x


def called(model):
    """What Step Functions calls a service: what the SDK for Java does."""
    return re.sub(r"[^a-z0-9]", "", model["metadata"]["serviceId"].removesuffix("Service").lower())


def shapes(model):
    """All shapes; of those that operations take also which members they want."""
    all = strip(model["shapes"], True)
    for operation in model["operations"].values():
        name = operation.get("input", {}).get("shape")
        if name and model["shapes"][name].get("required"):
            all[name]["required"] = model["shapes"][name]["required"]
    return all


here = os.path.dirname(os.path.abspath(__file__))
for service in SERVICES:
    model = load(service)
    metadata = {k: v for k, v in model["metadata"].items() if k not in ("uid", "auth", "signatureVersion", "serviceFullName", "serviceAbbreviation")}
    text = json.dumps({"metadata": metadata, "operations": strip(model["operations"], True), "shapes": shapes(model)}, sort_keys=True, separators=(",", ":"))
    with open(os.path.join(here, called(model) + ".json.gz"), "wb") as f:
        f.write(gzip.compress(text.encode(), 9, mtime=0))
data = os.path.join(os.path.dirname(botocore.__file__), "data")
names = {called(load(service)) for service in os.listdir(data) if os.path.isdir(os.path.join(data, service))}
with open(os.path.join(here, "services.txt"), "w") as f:  # the names of all services that there are, each with the operations that it does not have
    for name in sorted(names.union(RETIRED)):
        f.write(" ".join([name] + UNSUPPORTED.get(name, "").split()) + "\n")
with open(os.path.join(here, "VERSION"), "w") as f:
    f.write("Made by extract.py from the models of botocore " + botocore.__version__ + " (Apache License 2.0).\n")
