package sdk

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"heddle/jsonvalue"
)

// TestNames are those of the SDK for Java.
func TestNames(t *testing.T) {
	for given, want := range map[string]string{
		"SSEKMSKeyId": "SsekmsKeyId", "ETag": "ETag", "ACL": "Acl", "ChecksumCRC32": "ChecksumCRC32", "MD5OfMessageBody": "Md5OfMessageBody",
		"SS": "Ss", "S": "S", "KMSMasterKeyID": "KmsMasterKeyID", "clusterName": "ClusterName", "VpcId": "VpcId", "equals": "EqualsValue", "NULL": "Nul",
	} {
		if got := Java.name(given); got != want {
			t.Errorf("%s is %s, want %s", given, got, want)
		}
	}
	for given, want := range map[string]string{
		"DynamoDB": "DynamoDb", "S3": "S3", "SFN": "Sfn", "SESv2": "SesV2", "CloudWatch Logs": "CloudWatchLogs", "Secrets Manager": "SecretsManager",
		"Bedrock Runtime": "BedrockRuntime", "EventBridge": "EventBridge", "ECS": "Ecs", "KMSInvalidState": "KmsInvalidState", "EMR Serverless": "EmrServerless",
	} {
		if got := Class(given); got != want {
			t.Errorf("%s is %s, want %s", given, got, want)
		}
	}
	s := &Service{}
	s.Metadata.ServiceID = "DynamoDB"
	for given, want := range map[string]string{"": "DynamoDbException", "NoSuchKey": "NoSuchKeyException", "ThrottledFault": "ThrottledException", "InvalidArn": "InvalidArnException", "KMSDisabledException": "KmsDisabledException"} {
		if got := s.ExceptionClass(given); got != want {
			t.Errorf("exception %q is %s, want %s", given, got, want)
		}
	}
}

// TestAnswers reads answers of each protocol.
func TestAnswers(t *testing.T) {
	h := func(pairs ...string) http.Header {
		all := http.Header{}
		for i := 0; i < len(pairs); i += 2 {
			all.Set(pairs[i], pairs[i+1])
		}
		return all
	}
	for _, c := range []struct {
		what, service, operation, parameters string
		naming                               Naming
		status                               int
		header                               http.Header
		answer, want                         string
	}{
		{"JSON", "dynamodb", "getItem", `{"TableName":"t","Key":{"k":{"S":"v"}}}`, Java, 200, nil, `{"Item":{"k":{"SS":["v"]}},"Newer":1}`, `{"Item":{"k":{"Ss":["v"]}}}`},
		{"JSON, with the API's names", "dynamodb", "getItem", `{"TableName":"t","Key":{"k":{"S":"v"}}}`, Own, 200, nil, `{"Item":{"k":{"SS":["v"]}}}`, `{"Item":{"k":{"SS":["v"]}}}`},
		{"a member that is no name in Java", "dynamodb", "query", `{"TableName":"t"}`, Java, 200, nil, `{"Items":[{"k":{"NULL":true}}]}`, `{"Items":[{"k":{"Nul":true}}]}`},
		{"times", "sfn", "startExecution", `{"StateMachineArn":"m"}`, Java, 200, nil, `{"executionArn":"e","startDate":1700000000.25}`, `{"ExecutionArn":"e","StartDate":"2023-11-14T22:13:20.250Z"}`},
		{"whole seconds", "sfn", "startExecution", `{"StateMachineArn":"m"}`, Java, 200, nil, `{"startDate":1700000000}`, `{"StartDate":"2023-11-14T22:13:20Z"}`},
		{"times of optimised integrations", "sfn", "startExecution", `{"StateMachineArn":"m"}`, Own, 200, nil, `{"startDate":1700000000.25}`, `{"StartDate":1700000000250}`},
		{"nothing", "sqs", "deleteQueue", `{"QueueUrl":"q"}`, Java, 200, nil, ``, `{}`},
		{"query", "sns", "getTopicAttributes", `{"TopicArn":"t"}`, Java, 200, nil,
			`<GetTopicAttributesResponse><GetTopicAttributesResult><Attributes><entry><key>A</key><value> b </value></entry></Attributes></GetTopicAttributesResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></GetTopicAttributesResponse>`,
			`{"Attributes":{"A":" b "}}`},
		{"query, lists and types", "iam", "listUsers", `{}`, Java, 200, nil,
			`<R><ListUsersResult><Users><member><UserName>u</UserName><CreateDate>2026-01-02T03:04:05Z</CreateDate></member></Users><IsTruncated>false</IsTruncated></ListUsersResult></R>`,
			`{"IsTruncated":false,"Users":[{"CreateDate":"2026-01-02T03:04:05Z","UserName":"u"}]}`},
		{"REST-XML", "s3", "listObjectsV2", `{"Bucket":"b"}`, Java, 200, nil,
			`<ListBucketResult><Contents><Key>a</Key><Size>7</Size></Contents><Contents><Key>b</Key></Contents><KeyCount>2</KeyCount></ListBucketResult>`,
			`{"Contents":[{"Key":"a","Size":7},{"Key":"b"}],"KeyCount":2}`},
		{"REST-XML, a body and headers", "s3", "getObject", `{"Bucket":"b","Key":"k"}`, Java, 200, h("Content-Length", "2", "X-Amz-Meta-My", "v", "Last-Modified", "Fri, 02 Jan 2026 03:04:05 GMT"), "ü", `{"Body":"ü","ContentLength":2,"LastModified":"2026-01-02T03:04:05Z","Metadata":{"my":"v"}}`},
		{"a body that is no text", "s3", "getObject", `{"Bucket":"b","Key":"k"}`, Java, 200, nil, "\xff\x00", `{"Body":"/wA=","Metadata":{}}`},
		{"REST-JSON", "batch", "describeJobs", `{"Jobs":["x"]}`, Java, 200, nil, `{"jobs":[{"jobId":"i","createdAt":5}]}`, `{"Jobs":[{"JobId":"i","CreatedAt":5}]}`},
		{"fault of JSON", "dynamodb", "getItem", `{"TableName":"t","Key":{}}`, Java, 400, h("X-Amzn-Requestid", "r"), `{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"m"}`, `400 ResourceNotFoundException ResourceNotFoundException "m" r`},
		{"fault that the model does not have", "dynamodb", "getItem", `{"TableName":"t","Key":{}}`, Java, 400, nil, `{"__type":"x#ValidationException","Message":"m"}`, `400 ValidationException  "m" `},
		{"fault of SQS", "sqs", "sendMessage", `{"QueueUrl":"q","MessageBody":"m"}`, Java, 400, h("X-Amzn-Query-Error", "MissingParameter;Sender"), `{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"m"}`, `400 MissingParameter QueueDoesNotExist "m" `},
		{"fault of query", "sns", "publish", `{"Message":"m"}`, Java, 404, nil, `<ErrorResponse><Error><Type>Sender</Type><Code>NotFound</Code><Message>m</Message></Error><RequestId>r</RequestId></ErrorResponse>`, `404 NotFound NotFoundException "m" r`},
		{"fault of REST-XML", "s3", "getObject", `{"Bucket":"b","Key":"k"}`, Java, 404, nil, `<Error><Code>NoSuchKey</Code><Message>m</Message><RequestId>r</RequestId><HostId>h</HostId></Error>`, `404 NoSuchKey NoSuchKey "m" r`},
		{"fault of a HEAD", "s3", "headObject", `{"Bucket":"b","Key":"k"}`, Java, 404, nil, ``, `404 NoSuchKey NoSuchKey "" `},
		{"fault of REST-JSON", "lambda", "invoke", `{"FunctionName":"f"}`, Java, 404, h("X-Amzn-Errortype", "ResourceNotFoundException:http://x"), `{"Message":"m"}`, `404 ResourceNotFoundException ResourceNotFoundException "m" `},
		{"a redirect", "s3", "getObject", `{"Bucket":"b","Key":"k"}`, Java, 307, h("Location", "http://169.254.169.254/"), ``, `307   "" `},
		{"no answer of the service", "sqs", "sendMessage", `{"QueueUrl":"q"}`, Java, 502, nil, `<html>`, `502   "" `},
	} {
		a, err := do(t, &caught{status: c.status, header: c.header, answer: c.answer}, c.service, c.operation, c.parameters, c.naming)
		got := ""
		if f, ok := errors.AsType[*Fault](err); ok {
			got = jsonvalue.FormatNumber(float64(f.Status)) + " " + f.Code + " " + f.Exception + " " + jsonvalue.Text(f.Message) + " " + f.RequestID
		} else if err != nil {
			got = err.Error()
		} else {
			got = jsonvalue.Text(a.Result)
		}
		same := got == c.want
		if v, err := jsonvalue.ParseString(c.want); err == nil && a != nil {
			same = jsonvalue.Equal(v, a.Result)
		}
		if !same {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
}

// TestRefusedParameters are not sent.
func TestRefusedParameters(t *testing.T) {
	for _, c := range []struct{ service, operation, parameters, want string }{
		{"sqs", "sendMessage", `{"Nope":1}`, `The field "Nope" is not supported`},
		{"ecs", "runTask", `{"Cluster":"a","cluster":"b"}`, `The field "cluster" is not supported`},
		{"s3", "putObject", `{"Bucket":"b","Key":"k","SSEKMSKeyId":"a"}`, `The field "SSEKMSKeyId" is not supported`},
		{"sqs", "sendMessage", `{"MessageAttributes":[]}`, "have array where an object belongs"},
		{"sqs", "getQueueAttributes", `{"AttributeNames":{}}`, "where an array belongs"},
		{"s3", "getObject", `{"Bucket":"b"}`, "'Key' is required"},
		{"s3", "getObject", `{"Bucket":"..","Key":"k"}`, `'Bucket' can't be ".."`},
		{"s3", "getObject", `{"Bucket":"","Key":"k"}`, `'Bucket' can't be ""`},
		{"s3", "getObject", `{"Bucket":"b","Key":"a/../../other/k"}`, "'Key' can't be"},
		{"s3", "putObject", `{"Bucket":"b","Key":"k","ContentType":"a\r\nX: y"}`, "can't be"},
		{"s3", "putObject", `{"Bucket":"b","Key":"k","Metadata":{"a b":"c"}}`, "can't be"},
		{"cloudwatch", "getMetricStatistics", `{"StartTime":"soon"}`, "is no time"},
		{"iam", "listUsers", `{"UserName":"u"}`, "is not supported"},
	} {
		h := &caught{}
		_, err := do(t, h, c.service, c.operation, c.parameters, Java)
		wrong, ok := errors.AsType[*ParameterError](err)
		if !ok || !strings.Contains(wrong.Message, c.want) || h.request != nil {
			t.Errorf("%s %s: %v, sent %v; want %q", c.operation, c.parameters, err, h.request != nil, c.want)
		}
	}
	// Names that may have a capital or none: the role is asked about one of them.
	if _, err := do(t, &caught{}, "batch", "submitJob", `{"JobName":"a","jobName":"b"}`, Small); err == nil || !strings.Contains(err.Error(), "given twice") {
		t.Errorf("a field that is there with and without a capital: %v", err)
	}
}

// TestHostsAreTheOperators: no parameter changes where a request goes.
func TestHostsAreTheOperators(t *testing.T) {
	for _, c := range []struct{ service, operation, parameters, path string }{
		{"sqs", "sendMessage", `{"QueueUrl":"http://169.254.169.254/123456789012/q","MessageBody":"m"}`, "/base/"},
		{"s3", "getObject", `{"Bucket":"evil.example.com@x","Key":"?a#b"}`, "/base/evil.example.com%40x/%3Fa%23b"},
		{"s3", "getObject", `{"Bucket":"/x","Key":"//k"}`, "/base/%2Fx///k"},
		{"lambda", "invoke", `{"FunctionName":"a/../../b"}`, "/base/2015-03-31/functions/a%2F..%2F..%2Fb/invocations"},
	} {
		h := &caught{}
		if _, err := do(t, h, c.service, c.operation, c.parameters, Java); h.request == nil {
			t.Fatal(err)
		}
		if u := h.request.URL; u.Host != "localhost" || u.EscapedPath() != c.path || h.request.Host != "localhost" {
			t.Errorf("%s %s goes to %s at %s, want %s", c.operation, c.parameters, h.request.Host, u, c.path)
		}
	}
}

// TestIdempotencyTokens are given where they are missing.
func TestIdempotencyTokens(t *testing.T) {
	for parameters, want := range map[string]string{`{"SecretId":"s"}`: "token-1", `{"SecretId":"s","ClientRequestToken":"own"}`: "own"} {
		h := &caught{answer: "{}"}
		if _, err := do(t, h, "secretsmanager", "putSecretValue", parameters, Java); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(h.body), `"ClientRequestToken":"`+want+`"`) {
			t.Errorf("%s: sent %s, want the token %s", parameters, h.body, want)
		}
	}
}

// undialled fails as if nobody listened, so many times.
type undialled struct {
	times, calls int
	caught
}

func (u *undialled) RoundTrip(r *http.Request) (*http.Response, error) {
	if u.calls++; u.calls <= u.times {
		return nil, &net.OpError{Op: "dial", Err: errors.New("refused")}
	}
	return u.caught.RoundTrip(r)
}

// TestSends: what did not arrive is sent again, three times at most; nothing else is.
func TestSends(t *testing.T) {
	for _, c := range []struct {
		what  string
		times int
		sent  int
		want  error
	}{{"arrives", 0, 1, nil}, {"arrives at last", 2, 3, nil}, {"never arrives", 9, sendsMax, ErrUnsent}} {
		synctest.Test(t, func(t *testing.T) {
			u := &undialled{times: c.times, caught: caught{answer: "{}"}}
			if _, err := do(t, u, "sqs", "sendMessage", `{"QueueUrl":"q"}`, Java); !errors.Is(err, c.want) || u.calls != c.sent {
				t.Errorf("%s: sent %d times, %v; want %d, %v", c.what, u.calls, err, c.sent, c.want)
			}
		})
	}
	for _, status := range []int{429, 500, 503} {
		u := &undialled{caught: caught{status: status}}
		if _, err := do(t, u, "sqs", "sendMessage", `{"QueueUrl":"q"}`, Java); err == nil || u.calls != 1 {
			t.Errorf("%d: sent %d times, %v", status, u.calls, err)
		}
	}
}

// TestTransport follows no redirect, and reads no more of an answer than it may.
func TestTransport(t *testing.T) {
	var asked atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer elsewhere.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "large") {
			_, _ = w.Write(make([]byte, AnswerBytesMax+1))
			return
		}
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	}))
	defer server.Close()
	model, err := NewModels(nil).Service("s3")
	if err != nil {
		t.Fatal(err)
	}
	client := &Client{HTTP: NewTransport(1), Now: time.Now, Within: context.WithTimeout}
	for key, want := range map[string]string{"k": "307", "large": ErrTooLarge.Error()} {
		o := jsonvalue.NewObject(2)
		o.Set("Bucket", "b")
		o.Set("Key", key)
		_, err := client.Do(t.Context(), &Invocation{Operation: model.Operation("getObject"), Parameters: o, Endpoint: server.URL, Region: "r", AccessKey: "k", SecretKey: "s"})
		got := ""
		if f, ok := errors.AsType[*Fault](err); ok {
			got = jsonvalue.FormatNumber(float64(f.Status))
		} else if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
	if asked.Load() != 0 {
		t.Error("a redirect was followed")
	}
}

// TestModels are all read, and those of a folder go first.
func TestModels(t *testing.T) {
	files, err := fs.Glob(embedded, "models/*.json.gz")
	if err != nil || len(files) < 30 {
		t.Fatal(files, err)
	}
	all := NewModels(nil)
	for _, file := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(file, "models/"), ".json.gz")
		if s, err := all.Service(name); err != nil || s == nil || len(s.Operations) == 0 || s.SigningName() == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Those that users ask for most.
	for _, name := range strings.Fields(`s3 sqs sns dynamodb lambda sfn eventbridge secretsmanager ssm kms sts ecs ecr batch glue athena kinesis firehose cloudwatch
		cloudwatchlogs sesv2 bedrockruntime rekognition textract comprehend`) {
		if s, err := all.Service(name); s == nil {
			t.Errorf("%s: no model, %v", name, err)
		}
	}
	own := `{"metadata":{"protocol":"json","serviceId":"Own","targetPrefix":"T","jsonVersion":"1.1","endpointPrefix":"own"},"operations":{"DoIt":{"http":{"method":"POST","requestUri":"/"}}},"shapes":{}}`
	folder := NewModels(fstest.MapFS{"own.json": {Data: []byte(own)}, "sqs.json": {Data: []byte(own)}, "broken.json": {Data: []byte("{")}})
	for name, want := range map[string]string{"own": "doIt", "sqs": "doIt", "sns": "publish"} {
		if s, err := folder.Service(name); err != nil || s.Operation(want) == nil {
			t.Errorf("%s has no %s: %v", name, want, err)
		}
	}
	if s, err := folder.Service("broken"); err == nil || s != nil {
		t.Errorf("broken: %v", s)
	}
	for _, name := range []string{"none", "../own", "a/b", "", ".", `a\b`} {
		if s, err := folder.Service(name); s != nil || err != nil {
			t.Errorf("%q: %v, %v", name, s, err)
		}
	}
	for _, model := range []string{
		`{"metadata":{"protocol":"telepathy"}}`,
		strings.Replace(own, `"DoIt":{`, `"DoIt":{"input":{"shape":"X"},`, 1),
		strings.Replace(own, `"shapes":{}`, `"shapes":{"L":{"type":"list"}}`, 1),
		strings.Replace(own, `"shapes":{}`, `"shapes":{"S":{"type":"structure","members":{"a":{"shape":"X"}}}}`, 1),
		strings.Replace(own, `"shapes":{}`, `"shapes":{"S":{"type":"structure","payload":"a"}}`, 1),
		strings.Replace(strings.Replace(own, `"DoIt":{`, `"DoIt":{"output":{"shape":"S"},`, 1), `"shapes":{}`, `"shapes":{"S":{"type":"string"}}`, 1),
	} {
		if _, err := parse([]byte(model)); err == nil {
			t.Errorf("%s is accepted", model)
		}
	}
	if s, _ := all.Service("kinesis"); s.Operation("subscribeToShard") != nil || s.Operation("putRecord") == nil {
		t.Error("what streams events is called")
	}
}

// FuzzAnswers reads any answer without trouble.
func FuzzAnswers(f *testing.F) {
	f.Add(uint8(0), 200, []byte(`{"Item":{"k":{"S":1}}}`))
	f.Add(uint8(1), 404, []byte(`<a><b/></a>`))
	models := NewModels(nil)
	calls := []string{"dynamodb getItem", "s3 listObjectsV2", "sns getTopicAttributes", "batch describeJobs", "s3 getObject"}
	f.Fuzz(func(t *testing.T, which uint8, status int, body []byte) {
		name, operation, _ := strings.Cut(calls[int(which)%len(calls)], " ")
		s, err := models.Service(name)
		if err != nil {
			t.Fatal(err)
		}
		d := &decoder{s, Java}
		if status >= 300 {
			d.fault(s.Operation(operation), status, http.Header{}, body)
			return
		}
		if o, err := d.decode(s.Operation(operation), http.Header{}, body); err == nil {
			if _, err := jsonvalue.ParseString(jsonvalue.Text(o)); err != nil && len(body) > 0 && slices.Max(body) < 0x80 {
				t.Errorf("%q: %s is no JSON", body, jsonvalue.Text(o))
			}
		}
	})
}

// TestNothingIsLookedFor: neither keys nor proxies come from the environment.
func TestNothingIsLookedFor(t *testing.T) {
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_REGION", "AWS_ENDPOINT_URL"} {
		t.Setenv(name, "http-of-the-environment")
	}
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	if transport := NewTransport(1).(*http.Transport); transport.Proxy != nil {
		t.Error("there is a proxy")
	}
	h := &caught{answer: "{}"}
	if _, err := do(t, h, "sqs", "sendMessage", `{"QueueUrl":"q"}`, Java); err != nil {
		t.Fatal(err)
	}
	signed := h.request.Header.Get("Authorization")
	if h.request.URL.Host != "localhost" || !strings.Contains(signed, "Credential=AKIAEXAMPLE/20260102/eu-west-1/sqs/") || strings.Contains(signed, "environment") {
		t.Errorf("sent to %s, signed %s", h.request.URL, signed)
	}
}

// TestTraces go on in a header, which is not signed.
func TestTraces(t *testing.T) {
	var got, signed string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, signed = r.Header.Get("X-Amzn-Trace-Id"), r.Header.Get("Authorization")
		_, _ = w.Write([]byte("{}"))
	}))
	defer server.Close()
	model, err := NewModels(nil).Service("sqs")
	if err != nil {
		t.Fatal(err)
	}
	client := &Client{HTTP: NewTransport(1), Now: time.Now, Within: context.WithTimeout}
	for _, want := range []string{"Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1", ""} {
		_, err := client.Do(t.Context(), &Invocation{Operation: model.Operation("listQueues"), Parameters: jsonvalue.NewObject(0), Endpoint: server.URL, Region: "r", AccessKey: "k", SecretKey: "s", Trace: want})
		if err != nil || got != want || signed == "" || strings.Contains(signed, "x-amzn-trace-id") {
			t.Errorf("trace %q, signature %q: %v", got, signed, err)
		}
	}
}
