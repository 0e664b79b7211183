"""Task states call services of moto's server, and those of the server itself: what is sent arrives, what is answered and refused
has AWS's names. It starts both servers: HEDDLE_BINARY names one, moto is that of this Python."""
import json
import os
import socket
import subprocess
import sys
import tempfile
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
def cases(queue, topic, cluster):
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
        ("elasticmapreduce:createCluster.sync", {"Name": "d", "ReleaseLabel": "emr-7.0.0", "JobFlowRole": "r", "ServiceRole": "r",
                                                 "Instances": {"KeepJobFlowAliveWhenNoSteps": True, "MasterInstanceType": "m5.xlarge", "InstanceCount": 1}}, {"@": "ClusterId SdkHttpMetadata"}),
        ("elasticmapreduce:addStep", {"ClusterId": cluster, "Step": {"Name": "s", "ActionOnFailure": "CONTINUE", "HadoopJarStep": {"Jar": "x"}}}, {"@": "StepId SdkHttpMetadata"}),
        ("elasticmapreduce:setClusterTerminationProtection", {"ClusterId": cluster, "TerminationProtected": False}, {"@": "SdkHttpMetadata"}),
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


def main():
    moto, heddle = free(), free()
    at = f"http://127.0.0.1:{moto}"
    with tempfile.TemporaryDirectory() as data:
        servers = []
        try:
            servers.append(subprocess.Popen([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(moto)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            servers.append(subprocess.Popen([os.environ["HEDDLE_BINARY"], "serve", "--listen", f"127.0.0.1:{heddle}", "--data", data, "--store", "memory", "--auth", "none",
                                             "--integration", "*=" + at], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            until_answered(at + "/moto-api/data.json", servers[0])
            until_answered(f"http://127.0.0.1:{heddle}/health", servers[1])
            return play(at, f"http://127.0.0.1:{heddle}")
        finally:
            for s in servers:
                s.kill()
                s.wait()


def play(moto, heddle):
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
    failed = 0
    for n, (resource, parameters, want) in enumerate(cases(queue, topic, cluster)):
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
        if not good:
            failed += 1
            print(f"FAIL {resource} {parameters}: {e['status']} {e.get('output', '')} {e.get('error', '')} {e.get('cause', '')}, want {want}")
    body = of("sqs").receive_message(QueueUrl=queue)["Messages"][0]["Body"]
    if body != '{"a":1}':
        failed += 1
        print(f"FAIL the queue has {body}")
    print(f"{n + 1} calls, {failed} failed")
    return failed


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
