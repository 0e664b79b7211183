#!/usr/bin/env python3
"""Writes shapes.txt from the API models of the installed botocore: python3 extract.py > shapes.txt

Of each operation it keeps what the answer looks like. reply.go says how a line reads."""
import gzip, json, os, sys

import botocore

# Services that are there whole, for aws-sdk integrations: as botocore and as Step Functions calls them.
WHOLE = {
    "dynamodb": "dynamodb", "ecs": "ecs", "events": "eventbridge", "kms": "kms", "lambda": "lambda", "s3": "s3",
    "secretsmanager": "secretsmanager", "sns": "sns", "sqs": "sqs", "ssm": "ssm", "stepfunctions": "sfn", "sts": "sts",
}
# Actions of optimised integrations.
OPTIMISED = {
    "athena": ("athena", "startQueryExecution stopQueryExecution getQueryExecution getQueryResults"),
    "batch": ("batch", "submitJob"),
    "codebuild": ("codebuild", "startBuild stopBuild batchDeleteBuilds batchGetReports startBuildBatch stopBuildBatch retryBuildBatch deleteBuildBatch"),
    "databrew": ("databrew", "startJobRun"),
    "dynamodb": ("dynamodb", "getItem putItem updateItem deleteItem"),
    "ecs": ("ecs", "runTask"),
    "eks": ("eks", "createCluster deleteCluster createFargateProfile deleteFargateProfile createNodegroup deleteNodegroup"),
    "emr-containers": ("emr-containers", "createVirtualCluster deleteVirtualCluster startJobRun"),
    "emr-serverless": ("emr-serverless", "createApplication startApplication stopApplication deleteApplication startJobRun cancelJobRun"),
    "events": ("events", "putEvents"),
    "glue": ("glue", "startJobRun"),
    "lambda": ("lambda", "invoke"),
    "sagemaker": ("sagemaker", "createEndpoint createEndpointConfig createHyperParameterTuningJob createLabelingJob createModel createProcessingJob createTrainingJob createTransformJob updateEndpoint"),
    "sns": ("sns", "publish"),
    "sqs": ("sqs", "sendMessage"),
    "states": ("stepfunctions", "startExecution"),
}
# What Step Functions knows otherwise, as it was recorded.
OTHERWISE = {("lambda", "MemorySize"): {"max": 10240}}


def load(service):
    folder = os.path.join(os.path.dirname(botocore.__file__), "data", service)
    name = os.path.join(folder, sorted(os.listdir(folder))[-1], "service-2.json")
    with gzip.open(name + ".gz") if os.path.exists(name + ".gz") else open(name) as f:
        return json.load(f)


def capital(name):
    return name[:1].upper() + name[1:]


def pascal(name):
    """A member's name as the Java SDK has it, with a capital: SSEKMSKeyId is SsekmsKeyId, ChecksumCRC32 stays."""
    n = 1
    while n < len(name) and name[n].isupper() and not name[n + 1 : n + 2].islower():
        n += 1
    return capital(name[:n].lower() + name[n:])


def bounds(shape):
    return f"{shape.get('min', '')},{shape.get('max', '')}" if "min" in shape or "max" in shape else ""


class Service:
    def __init__(self, service, member):
        self.name, self.model, self.lines, self.member = service, load(service), {}, member

    def type(self, name):
        shape = {**self.model["shapes"][name], **OTHERWISE.get((self.name, name), {})}
        kind = shape["type"]
        if kind in ("string", "blob") and "enum" in shape:
            self.lines.setdefault(name, name + " = " + " ".join(shape["enum"]))
            return name
        if kind in ("string", "blob", "character"):
            return "s" + bounds(shape)
        if kind == "timestamp":
            return "s"
        if kind in ("integer", "long", "float", "double", "bigdecimal"):
            return "n" + bounds(shape)
        if kind == "boolean":
            return "b"
        if kind == "list":
            return "[" + self.type(shape["member"]["shape"])
        if kind == "map":
            return "{" + self.type(shape["value"]["shape"])
        if shape.get("document") or shape.get("eventstream"):
            return "*"
        return self.structure(name, shape)

    def structure(self, name, shape, renamed=None, free=()):
        key = renamed or name
        if key not in self.lines:
            self.lines[key] = ""  # it may hold itself
            members = [
                self.member(m) + ("!" if m in shape.get("required", ()) else "") + ":" + ("*" if m in free else self.type(v["shape"]))
                for m, v in sorted(shape.get("members", {}).items())
            ]
            self.lines[key] = " ".join([key, "{"] + members)
        return key

    def answer(self, action):
        operation = self.model["operations"].get(capital(action))
        if not operation:
            sys.exit(f"{self.name} has no {action}")
        return self.type(operation["output"]["shape"]) if "output" in operation else "{"

    def write(self, called, answers):
        print("service", called)
        for action, shape in sorted(answers.items()):
            if shape != "{":
                print("action", action, shape)
        for name in sorted(self.lines):
            print(self.lines[name])


print("# Made by extract.py from the models of botocore", botocore.__version__ + " (Apache License 2.0).")
for called, (name, actions) in sorted(OPTIMISED.items()):
    s = Service(name, capital)
    shapes = s.model["shapes"]
    answers = {a: s.answer(a) for a in actions.split()}
    if called == "lambda":  # a Payload is whatever the function gave
        s.lines.clear()
        answers["invoke"] = s.structure("InvocationResponse", shapes["InvocationResponse"], free=["Payload"])
    if called == "states":  # a job's result describes the execution; .sync:2 has its data as they are
        answers["startExecution.sync"] = s.type("DescribeExecutionOutput")
        answers["startExecution.sync:2"] = s.structure("DescribeExecutionOutput", shapes["DescribeExecutionOutput"], "DescribeExecutionOutput2", ["input", "output"])
    s.write(called, answers)
for name, called in sorted(WHOLE.items()):
    s = Service(name, pascal)
    s.write("aws-sdk:" + called, {a[0].lower() + a[1:]: s.answer(a) for a in s.model["operations"]})
