"""Task states call services of moto's server, and those of the server itself: what is sent arrives, what is answered and refused
has AWS's names. It starts both servers: HEDDLE_BINARY names one, moto is that of this Python.

With --record FILE what was sent and answered is written there, for who tests without moto (internal/sfn/integration)."""
import base64
import http.client
import http.server
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

import boto3

KEYS = dict(region_name="us-east-1", aws_access_key_id="123456789012", aws_secret_access_key="none")


def free():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def until_answered(url, process):
    for _ in range(600):
        try:
            urllib.request.urlopen(url, timeout=5)
            return
        except OSError:
            if process.poll() is not None:
                sys.exit(f"{url}: the server has ended")
            time.sleep(0.1)
    sys.exit(f"{url}: nobody answers")


# Resource, parameters, and what the output has, or the error and the begin of its cause. Members in @… are checked to be there.
def cases(queue, topic, cluster, echo, connections):
    table = {"TableName": "T", "Key": {"id": {"S": "1"}}}
    return [
        ("sqs:sendMessage", {"QueueUrl": queue, "MessageBody": {"a": 1}}, {"MD5OfMessageBody": "bb6cb5c68df4652941caf652a366f2d8", "@": "MessageId SdkHttpMetadata SdkResponseMetadata"}),
        ("sqs:sendMessage", {"QueueUrl": queue + "x", "MessageBody": "b"}, ("SQS.QueueDoesNotExistException", "The specified queue does not exist. (Service: AmazonSQS; Status Code: 400;")),
        ("sns:publish", {"TopicArn": topic, "Message": {"x": 2}, "MessageAttributes": {"k": {"DataType": "String", "StringValue": "v"}}}, {"@": "MessageId"}),
        ("sns:publish", {"TopicArn": topic + "z", "Message": "x"}, ("SNS.NotFoundException", "")),
        ("dynamodb:putItem", {"TableName": "T", "Item": {"id": {"S": "1"}, "b": {"BOOL": True}, "s": {"SS": ["x"]}}}, {}),
        ("dynamodb:getItem", table, {"Item": {"id": {"S": "1"}, "b": {"BOOL": True}, "s": {"SS": ["x"]}}}),
        ("dynamodb:updateItem", {**table, "UpdateExpression": "SET n = :v", "ExpressionAttributeValues": {":v": {"N": "6"}}, "ReturnValues": "UPDATED_NEW"}, {"Attributes": {"n": {"N": "6"}}}),
        ("aws-sdk:dynamodb:query", {"TableName": "T", "KeyConditionExpression": "id = :i", "ExpressionAttributeValues": {":i": {"S": "1"}}},
         {"Count": 1, "Items": [{"id": {"S": "1"}, "b": {"Bool": True}, "s": {"Ss": ["x"]}, "n": {"N": "6"}}]}),
        ("dynamodb:deleteItem", table, {}),
        ("dynamodb:getItem", {**table, "TableName": "U"}, ("DynamoDB.ResourceNotFoundException", "Requested resource not found (Service: AmazonDynamoDBv2; Status Code: 400; Error Code: ResourceNotFoundException;")),
        ("aws-sdk:dynamodb:getItem", {**table, "TableName": "U"}, ("DynamoDb.ResourceNotFoundException", "Requested resource not found (Service: DynamoDb, Status Code: 400, Request ID: ")),
        ("events:putEvents", {"Entries": [{"Source": "s", "DetailType": "d", "Detail": {"a": 1}}]}, {"FailedEntryCount": 0}),
        ("aws-sdk:s3:putObject", {"Bucket": "bkt", "Key": "a/b c+ü.txt", "Body": {"x": 1}, "Metadata": {"k": "v"}}, {"@": "ETag"}),
        ("aws-sdk:s3:getObject", {"Bucket": "bkt", "Key": "a/b c+ü.txt"}, {"Body": '{"x":1}', "ContentLength": 7, "Metadata": {"k": "v"}}),
        ("aws-sdk:s3:getObject", {"Bucket": "bkt", "Key": "no"}, ("S3.NoSuchKeyException", "The specified key does not exist. (Service: S3, Status Code: 404, Request ID: ")),
        ("aws-sdk:s3:headObject", {"Bucket": "bkt", "Key": "no"}, ("S3.NoSuchKeyException", "")),
        ("aws-sdk:s3:listObjectsV2", {"Bucket": "bkt", "Prefix": "a/"}, {"KeyCount": 1, "IsTruncated": False, "Name": "bkt"}),
        ("aws-sdk:s3:copyObject", {"Bucket": "bkt", "Key": "c", "CopySource": "bkt/a/b%20c%2B%C3%BC.txt"}, {"@": "CopyObjectResult"}),
        ("aws-sdk:s3:deleteObjects", {"Bucket": "bkt", "Delete": {"Objects": [{"Key": "c"}]}}, {"Deleted": [{"Key": "c"}]}),
        ("aws-sdk:s3:putBucketTagging", {"Bucket": "bkt", "Tagging": {"TagSet": [{"Key": "a", "Value": "b"}]}}, {}),
        ("aws-sdk:s3:getBucketTagging", {"Bucket": "bkt"}, {"TagSet": [{"Key": "a", "Value": "b"}]}),
        ("aws-sdk:secretsmanager:createSecret", {"Name": "sec", "SecretString": "s3"}, {"Name": "sec", "@": "Arn VersionId"}),
        ("aws-sdk:secretsmanager:getSecretValue", {"SecretId": "sec"}, {"SecretString": "s3"}),
        ("aws-sdk:secretsmanager:getSecretValue", {"SecretId": "no"}, ("SecretsManager.ResourceNotFoundException", "")),
        ("aws-sdk:ssm:putParameter", {"Name": "/p", "Value": "v", "Type": "String"}, {"Version": 1}),
        ("aws-sdk:ssm:getParameter", {"Name": "/no"}, ("Ssm.ParameterNotFoundException", "")),
        ("aws-sdk:sqs:getQueueAttributes", {"QueueUrl": queue, "AttributeNames": ["QueueArn"]}, {"Attributes": {"QueueArn": "arn:aws:sqs:us-east-1:123456789012:q"}}),
        ("aws-sdk:sns:listTopics", {}, {"Topics": [{"TopicArn": topic}]}),
        ("aws-sdk:kinesis:createStream", {"StreamName": "st", "ShardCount": 1}, {}),
        ("aws-sdk:kinesis:putRecord", {"StreamName": "st", "Data": {"a": 1}, "PartitionKey": "x"}, {"@": "SequenceNumber"}),
        ("aws-sdk:firehose:listDeliveryStreams", {}, {"DeliveryStreamNames": []}),
        ("aws-sdk:cloudwatch:putMetricData", {"Namespace": "n", "MetricData": [{"MetricName": "m", "Value": 1.5, "Dimensions": [{"Name": "a", "Value": "b"}], "Timestamp": "2026-01-01T00:00:00Z"}]}, {}),
        ("aws-sdk:cloudwatch:listMetrics", {"Namespace": "n"}, {"Metrics": [{"Dimensions": [{"Name": "a", "Value": "b"}], "MetricName": "m", "Namespace": "n"}]}),
        ("aws-sdk:cloudwatchlogs:createLogGroup", {"LogGroupName": "g"}, {}),
        ("aws-sdk:cloudwatchlogs:describeLogGroups", {}, {"@": "LogGroups"}),
        ("aws-sdk:ecs:createCluster", {"ClusterName": "c"}, {"@": "Cluster"}),
        ("aws-sdk:ecs:describeServices", {"Cluster": "zz", "Services": ["a"]}, ("Ecs.ClusterNotFoundException", "")),
        ("aws-sdk:ecr:createRepository", {"RepositoryName": "r"}, {"@": "Repository"}),
        ("aws-sdk:glue:getDatabases", {}, {"DatabaseList": []}),
        ("aws-sdk:athena:listWorkGroups", {}, {"@": "WorkGroups"}),
        ("aws-sdk:batch:describeJobs", {"Jobs": ["x"]}, {"Jobs": []}),
        ("aws-sdk:lambda:listFunctions", {}, {"Functions": []}),
        ("aws-sdk:lambda:invoke", {"FunctionName": "no", "Payload": {"a": 1}}, ("Lambda.ResourceNotFoundException", "Function not found: ")),
        ("aws-sdk:sesv2:createEmailIdentity", {"EmailIdentity": "a@example.com"}, {"IdentityType": "EMAIL_ADDRESS"}),
        ("aws-sdk:eventbridge:listEventBuses", {}, {"@": "EventBuses"}),
        ("aws-sdk:rekognition:detectLabels", {"Image": {"S3Object": {"Bucket": "bkt", "Name": "x"}}}, {"@": "Labels"}),
        ("aws-sdk:textract:detectDocumentText", {"Document": {"S3Object": {"Bucket": "bkt", "Name": "x"}}}, {"@": "DocumentMetadata"}),
        ("aws-sdk:comprehend:detectSentiment", {"Text": "good", "LanguageCode": "en"}, {"@": "Sentiment SentimentScore"}),
        ("aws-sdk:bedrockruntime:invokeModel", {"ModelId": "m", "Body": {"a": 1}, "ContentType": "application/json"}, {"@": "Body"}),
        ("glue:startJobRun.sync", {"JobName": "j"}, {"JobRunState": "SUCCEEDED", "JobName": "j"}),
        ("athena:startQueryExecution.sync", {"QueryString": "select 1", "ResultConfiguration": {"OutputLocation": "s3://bkt/o"}}, {"@": "QueryExecution"}),
        ("codebuild:startBuild.sync", {"ProjectName": "pp"}, {"BuildStatus": "SUCCEEDED"}),
        ("eks:createCluster.sync", {"Name": "c", "RoleArn": "arn:aws:iam::123456789012:role/r", "ResourcesVpcConfig": {"SubnetIds": ["a"]}}, {"@": "Cluster"}),
        ("eks:createNodegroup.sync", {"ClusterName": "c", "NodegroupName": "n", "Subnets": ["a"], "NodeRole": "arn:aws:iam::123456789012:role/r"}, {"@": "Nodegroup"}),
        ("eks:createFargateProfile.sync", {"ClusterName": "c", "FargateProfileName": "f", "PodExecutionRoleArn": "arn:aws:iam::123456789012:role/r", "Selectors": [{"Namespace": "x"}]}, {"@": "FargateProfile"}),
        ("eks:deleteFargateProfile.sync", {"ClusterName": "c", "FargateProfileName": "f"}, {"@": "FargateProfile SdkHttpMetadata"}),
        ("eks:deleteNodegroup.sync", {"ClusterName": "c", "NodegroupName": "n"}, {"@": "Nodegroup SdkHttpMetadata"}),
        ("eks:deleteCluster.sync", {"Name": "c"}, {"@": "Cluster SdkHttpMetadata"}),
        ("emr-containers:createVirtualCluster", {"Name": "v", "ContainerProvider": {"Id": "c2", "Type": "EKS", "Info": {"EksInfo": {"Namespace": "x"}}}}, {"@": "Id"}),
        ("emr-serverless:createApplication.sync", {"Name": "a", "ReleaseLabel": "emr-6.6.0", "Type": "SPARK", "ClientToken": "t"}, {"@": "Application"}),
        # What has no model.
        ("apigateway:invoke", {"ApiEndpoint": "abc.execute-api.us-east-1.amazonaws.com", "Method": "POST", "Stage": "s", "Path": "p", "QueryParameters": {"q": ["1"]}, "RequestBody": {"a": 1}, "AuthType": "IAM_ROLE"},
         {"ResponseBody": {"path": "/abc/s/p?q=1", "auth": "execute-api", "body": '{"a":1}'}, "StatusCode": 200, "StatusText": "OK", "@": "Headers"}),
        ("apigateway:invoke", {"ApiEndpoint": "abc.execute-api.us-east-1.amazonaws.com", "Method": "GET", "Path": "refused"}, ("ApiGateway.403", '{"message":"no"}')),
        ("http:invoke", {"ApiEndpoint": echo + "/x", "Method": "GET", "Authentication": {"ConnectionArn": connections[0]}}, {"ResponseBody": {"path": "/x", "auth": "Basic dTpw", "body": ""}, "StatusCode": 200}),
        ("http:invoke", {"ApiEndpoint": echo + "/x", "Method": "GET", "Authentication": {"ConnectionArn": connections[1]}}, {"ResponseBody": {"path": "/x", "auth": "Bearer tok", "body": ""}, "StatusCode": 200}),
        ("http:invoke", {"ApiEndpoint": echo + "/x", "Method": "GET", "Authentication": {"ConnectionArn": connections[0] + "0"}}, ("Events.ConnectionResource.ResourceNotFound", "")),
        ("aws-sdk:eventbridge:describeConnection", {"Name": "basic"}, {"Name": "basic", "ConnectionState": "AUTHORIZED"}),
        ("elasticmapreduce:createCluster.sync", {"Name": "d", "ReleaseLabel": "emr-7.0.0", "JobFlowRole": "r", "ServiceRole": "r",
                                                 "Instances": {"KeepJobFlowAliveWhenNoSteps": True, "MasterInstanceType": "m5.xlarge", "InstanceCount": 1}}, {"@": "ClusterId SdkHttpMetadata"}),
        ("elasticmapreduce:addStep", {"ClusterId": cluster, "Step": {"Name": "s", "ActionOnFailure": "CONTINUE", "HadoopJarStep": {"Jar": "x"}}}, {"@": "StepId SdkHttpMetadata"}),
        ("elasticmapreduce:setClusterTerminationProtection", {"ClusterId": cluster, "TerminationProtected": False}, {"@": "SdkHttpMetadata"}),
        ("elasticmapreduce:modifyInstanceGroupByName", {"ClusterId": cluster, "InstanceGroupName": "master", "InstanceGroup": {"InstanceCount": 1}}, {"@": "SdkHttpMetadata"}),
        ("elasticmapreduce:modifyInstanceGroupByName", {"ClusterId": cluster, "InstanceGroupName": "none", "InstanceGroup": {"InstanceCount": 1}},
         ("EMR.AmazonElasticMapReduceException", "InstanceGroup with the name 'none' was not found in the cluster")),
        ("elasticmapreduce:terminateCluster.sync", {"ClusterId": cluster}, {"@": "SdkHttpMetadata"}),
        # Services of the server itself.
        ("aws-sdk:sts:getCallerIdentity", {}, {"Account": "123456789012"}),
        ("aws-sdk:kms:createKey", {}, {"@": "KeyMetadata"}),
        ("aws-sdk:kms:describeKey", {"KeyId": "alias/no"}, ("Kms.NotFoundException", "")),
        ("aws-sdk:sfn:listStateMachines", {"MaxResults": 1}, {"@": "StateMachines"}),
        ("aws-sdk:sfn:sendTaskSuccess", {"Output": "x", "TaskToken": "no"}, ("Sfn.InvalidTokenException", "Invalid Token: 'Invalid token' (Service: Sfn, Status Code: 400, Request ID: ")),
        ("aws-sdk:swf:registerDomain", {"Name": "d", "WorkflowExecutionRetentionPeriodInDays": "1"}, {}),
        ("aws-sdk:swf:registerDomain", {"Name": "d", "WorkflowExecutionRetentionPeriodInDays": "1"}, ("Swf.DomainAlreadyExistsException", "d (Service: Swf, Status Code: 400,")),
        ("aws-sdk:iam:getUser", {"UserName": "no"}, ("Iam.NoSuchEntityException", "")),
        ("aws-sdk:dataexchange:listDataSets", {}, {"DataSets": []}),
    ]


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers with the request as it came, and gives tokens of OAuth."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        auth = self.headers.get("authorization", "")
        if auth.startswith("AWS4-"):
            auth = auth.split("/")[3]
        answer = {"path": self.path, "auth": auth, "body": body}
        if self.path == "/token":
            answer = {"access_token": "tok", "expires_in": 3600}
        if self.path.endswith("/refused"):
            answer = {"message": "no"}
        text = json.dumps(answer, separators=(",", ":")).encode()
        self.send_response(403 if self.path.endswith("/refused") else 200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST

    def log_message(self, *_):
        pass


class Recorder(http.server.BaseHTTPRequestHandler):
    """Hands requests on to moto, and keeps them with the answers."""

    protocol_version = "HTTP/1.1"
    moto, exchanges = 0, []

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        to = http.client.HTTPConnection("127.0.0.1", self.moto, timeout=60)
        to.request(self.command, self.path, body, dict(self.headers))
        answer = to.getresponse()
        text = answer.read()
        headers = {k: v for k, v in answer.getheaders() if k.lower() not in ("server", "date", "connection", "transfer-encoding", "content-length")}
        sent = {k: v for k, v in self.headers.items() if k.lower() in ("content-type", "x-amz-target", "x-amz-copy-source") or k.lower().startswith("x-amz-meta-")}
        self.exchanges.append({"method": self.command, "path": self.path, "sent": sent, "body": plain(body), "status": answer.status, "headers": headers, "answer": plain(text)})
        self.send_response(answer.status)
        for k, v in headers.items():
            self.send_header(k, v)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    do_GET = do_PUT = do_DELETE = do_HEAD = do_PATCH = do_POST

    def log_message(self, *_):
        pass


def plain(body):
    """A body as a text, or else in base64."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        return "base64:" + base64.b64encode(body).decode()


def main(record):
    moto, heddle = free(), free()
    echo = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=echo.serve_forever, daemon=True).start()
    other = f"http://127.0.0.1:{echo.server_port}"
    at = through = f"http://127.0.0.1:{moto}"
    if record:
        Recorder.moto = moto
        between = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
        threading.Thread(target=between.serve_forever, daemon=True).start()
        through = f"http://127.0.0.1:{between.server_port}"
    with tempfile.TemporaryDirectory() as data:
        servers = []
        try:
            servers.append(subprocess.Popen([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(moto)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            servers.append(subprocess.Popen([os.environ["HEDDLE_BINARY"], "serve", "--listen", f"127.0.0.1:{heddle}", "--data", data, "--store", "memory", "--auth", "none",
                                             "--integration", "*=" + through, "--integration", "execute-api=" + other + "/{api}", "--http-private", "127.0.0.0/8"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            until_answered(at + "/moto-api/data.json", servers[0])
            until_answered(f"http://127.0.0.1:{heddle}/health", servers[1])
            return play(at, f"http://127.0.0.1:{heddle}", other, record)
        finally:
            for s in servers:
                s.kill()
                s.wait()


def play(moto, heddle, echo, record):
    def of(name):
        return boto3.client(name, endpoint_url=moto, **KEYS)

    states = boto3.client("stepfunctions", endpoint_url=heddle, **KEYS)
    queue, topic = of("sqs").create_queue(QueueName="q")["QueueUrl"], of("sns").create_topic(Name="t")["TopicArn"]
    of("dynamodb").create_table(TableName="T", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}], AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}], BillingMode="PAY_PER_REQUEST")
    of("s3").create_bucket(Bucket="bkt")
    of("glue").create_job(Name="j", Role="arn:aws:iam::123456789012:role/r", Command={"Name": "glueetl", "ScriptLocation": "s3://x/y"})
    of("codebuild").create_project(name="pp", source={"type": "S3", "location": "bkt/p"}, artifacts={"type": "NO_ARTIFACTS"}, serviceRole="arn:aws:iam::123456789012:role/service-role/my-codebuild-service-role",
                                   environment={"type": "LINUX_CONTAINER", "image": "i", "computeType": "BUILD_GENERAL1_SMALL"})
    instances = {"KeepJobFlowAliveWhenNoSteps": True, "MasterInstanceType": "m5.xlarge", "InstanceCount": 1}
    cluster = of("emr").run_job_flow(Name="c", ReleaseLabel="emr-7.0.0", Instances=instances, JobFlowRole="r", ServiceRole="r")["JobFlowId"]
    group = of("emr").list_instance_groups(ClusterId=cluster)["InstanceGroups"][0]
    if group.get("Name") != "master":
        print(f"FAIL the cluster's group is {group}")
    events = boto3.client("events", endpoint_url=heddle, **KEYS)
    connections = [
        events.create_connection(Name="basic", AuthorizationType="BASIC", AuthParameters={"BasicAuthParameters": {"Username": "u", "Password": "p"}})["ConnectionArn"],
        events.create_connection(Name="oauth", AuthorizationType="OAUTH_CLIENT_CREDENTIALS", AuthParameters={"OAuthParameters": {
            "AuthorizationEndpoint": echo + "/token", "HttpMethod": "POST", "ClientParameters": {"ClientID": "i", "ClientSecret": "s"}}})["ConnectionArn"],
    ]
    failed, recorded = 0, []
    for n, (resource, parameters, want) in enumerate(cases(queue, topic, cluster, echo, connections)):
        definition = {"StartAt": "X", "States": {"X": {"Type": "Task", "Resource": "arn:aws:states:::" + resource, "Parameters": parameters, "End": True}}}
        machine = states.create_state_machine(name=f"m{n}", definition=json.dumps(definition), roleArn="arn:aws:iam::123456789012:role/r")["stateMachineArn"]
        execution = states.start_execution(stateMachineArn=machine, input="{}")["executionArn"]
        for _ in range(1200):
            e = states.describe_execution(executionArn=execution)
            if e["status"] != "RUNNING":
                break
            time.sleep(0.05)
        if isinstance(want, tuple):
            good = e["status"] == "FAILED" and e["error"] == want[0] and e["cause"].startswith(want[1])
        else:
            output = json.loads(e.get("output", "null")) or {}
            good = e["status"] == "SUCCEEDED" and all(m in output for m in want.get("@", "").split()) and all(output.get(m) == v for m, v in want.items() if m != "@")
        if Recorder.exchanges:
            recorded.append({"resource": resource, "parameters": parameters, "exchanges": Recorder.exchanges[:], "error": e.get("error", ""), "cause": e.get("cause", ""),
                             "output": json.loads(e.get("output", "null"))})
            Recorder.exchanges.clear()
        if not good:
            failed += 1
            print(f"FAIL {resource} {parameters}: {e['status']} {e.get('output', '')} {e.get('error', '')} {e.get('cause', '')}, want {want}")
    body = of("sqs").receive_message(QueueUrl=queue)["Messages"][0]["Body"]
    if body != '{"a":1}':
        failed += 1
        print(f"FAIL the queue has {body}")
    if record and not failed:
        with open(record, "w") as f:
            f.write("[\n" + ",\n".join(json.dumps(r, ensure_ascii=False, sort_keys=True) for r in recorded) + "\n]\n")
    print(f"{n + 1} calls, {failed} failed")
    return failed


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[2] if sys.argv[1:2] == ["--record"] else None) else 0)
