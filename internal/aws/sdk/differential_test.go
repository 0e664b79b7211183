package sdk

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsdx "github.com/aws/aws-sdk-go-v2/service/dataexchange"
	dxtypes "github.com/aws/aws-sdk-go-v2/service/dataexchange/types"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"heddle/jsonvalue"
)

// caught is a transport that keeps the request, and answers as it is told.
type caught struct {
	request *http.Request
	body    []byte
	status  int
	header  http.Header
	answer  string
}

func (c *caught) RoundTrip(r *http.Request) (*http.Response, error) {
	c.request = r
	if r.Body != nil {
		c.body, _ = io.ReadAll(r.Body)
	}
	if c.status == 0 {
		c.status = http.StatusOK
	}
	if c.header == nil {
		c.header = http.Header{}
	}
	return &http.Response{StatusCode: c.status, Header: c.header, Body: io.NopCloser(strings.NewReader(c.answer)), Request: r, ProtoMajor: 1, ProtoMinor: 1}, nil
}

func (c *caught) Do(r *http.Request) (*http.Response, error) { return c.RoundTrip(r) }

var at = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// do calls an operation by a transport.
func do(t *testing.T, via http.RoundTripper, service, operation, parameters string, naming Naming) (*Answer, error) {
	t.Helper()
	model, err := NewModels(nil).Service(service)
	if err != nil || model == nil {
		t.Fatalf("no model of %s: %v", service, err)
	}
	o := model.Operation(operation)
	if o == nil {
		t.Fatalf("%s has no %s", service, operation)
	}
	v, err := jsonvalue.ParseString(parameters)
	if err != nil {
		t.Fatal(err)
	}
	client := &Client{HTTP: via, Now: func() time.Time { return at }, Within: context.WithTimeout}
	return client.Do(t.Context(), &Invocation{
		Operation: o, Naming: naming, Parameters: v.(*jsonvalue.Object), Endpoint: "http://localhost/base", Region: "eu-west-1",
		AccessKey: "AKIAEXAMPLE", SecretKey: "secret", Token: "token-1",
	})
}

// comparable is a body as what it says.
func comparable(t *testing.T, r *http.Request, body []byte) any {
	t.Helper()
	switch kind := r.Header.Get("Content-Type"); {
	case strings.Contains(kind, "form"):
		form, err := url.ParseQuery(string(body))
		if err != nil {
			t.Fatal(err)
		}
		return form
	case strings.Contains(kind, "json") && len(body) > 0 && body[0] == '{':
		v, err := jsonvalue.Parse(body)
		if err != nil {
			t.Fatal(err)
		}
		return sortedValue(v)
	case strings.Contains(kind, "xml"):
		n, err := parseXML(body)
		if err != nil {
			t.Fatal(err)
		}
		return n.flat()
	}
	return string(body)
}

func sortedValue(v any) any {
	switch v := v.(type) {
	case *jsonvalue.Object:
		m := map[string]any{}
		for name, v := range v.All() {
			m[name] = sortedValue(v)
		}
		return m
	case []any:
		all := []any{}
		for _, v := range v {
			all = append(all, sortedValue(v))
		}
		return all
	}
	return v
}

// flat is an element as a text, its children in the order of theirs.
func (n *node) flat() string {
	var all []string
	for _, c := range n.children {
		all = append(all, c.flat())
	}
	slices.Sort(all)
	return n.name + "(" + strings.TrimSpace(n.text.String()) + strings.Join(all, ",") + ")"
}

// TestRequestsAreThoseOfSDK makes calls by the SDK for Go and here, and compares what is sent.
func TestRequestsAreThoseOfSDK(t *testing.T) {
	endpoint, keys := aws.String("http://localhost/base"), aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "AKIAEXAMPLE", SecretAccessKey: "secret"}, nil
	})
	for _, c := range []struct {
		service, operation, parameters string
		naming                         Naming
		theirs                         func(h *caught) error
	}{
		{"sqs", "sendMessage", `{"QueueUrl":"u","MessageBody":"b","DelaySeconds":3,"MessageAttributes":{"k":{"DataType":"String","StringValue":"v"}}}`, Own, func(h *caught) error {
			_, err := awssqs.New(awssqs.Options{BaseEndpoint: endpoint, Region: "eu-west-1", Credentials: keys, HTTPClient: h, DisableMessageChecksumValidation: true}).SendMessage(t.Context(), &awssqs.SendMessageInput{
				QueueUrl: aws.String("u"), MessageBody: aws.String("b"), DelaySeconds: 3, MessageAttributes: map[string]sqstypes.MessageAttributeValue{"k": {DataType: aws.String("String"), StringValue: aws.String("v")}},
			})
			return err
		}},
		{"sns", "publish", `{"TopicArn":"t","Message":"m ü&=","MessageAttributes":{"k":{"DataType":"String","StringValue":"v"}}}`, Own, func(h *caught) error {
			_, err := awssns.New(awssns.Options{BaseEndpoint: endpoint, Region: "eu-west-1", Credentials: keys, HTTPClient: h}).Publish(t.Context(), &awssns.PublishInput{
				TopicArn: aws.String("t"), Message: aws.String("m ü&="), MessageAttributes: map[string]snstypes.MessageAttributeValue{"k": {DataType: aws.String("String"), StringValue: aws.String("v")}},
			})
			return err
		}},
		{"iam", "createUser", `{"UserName":"u","Path":"/p/","Tags":[{"Key":"a","Value":"b"},{"Key":"c","Value":"d"}]}`, Java, func(h *caught) error {
			_, err := awsiam.New(awsiam.Options{BaseEndpoint: endpoint, Region: "eu-west-1", Credentials: keys, HTTPClient: h}).CreateUser(t.Context(), &awsiam.CreateUserInput{
				UserName: aws.String("u"), Path: aws.String("/p/"), Tags: []iamtypes.Tag{{Key: aws.String("a"), Value: aws.String("b")}, {Key: aws.String("c"), Value: aws.String("d")}},
			})
			return err
		}},
		{"s3", "putObject", `{"Bucket":"bkt","Key":"a/b c+ü~!'()*.txt","Body":[1],"Metadata":{"k":"v"},"SsekmsKeyId":"key","Expires":"2026-01-02T03:04:05Z"}`, Java, func(h *caught) error {
			_, err := s3Client(endpoint, keys, h).PutObject(t.Context(), &awss3.PutObjectInput{
				Bucket: aws.String("bkt"), Key: aws.String("a/b c+ü~!'()*.txt"), Body: bytes.NewReader([]byte("[1]")), Metadata: map[string]string{"k": "v"}, SSEKMSKeyId: aws.String("key"), Expires: &at,
			})
			return err
		}},
		{"s3", "listObjectsV2", `{"Bucket":"bkt","Prefix":"a b&/","MaxKeys":7}`, Java, func(h *caught) error {
			_, err := s3Client(endpoint, keys, h).ListObjectsV2(t.Context(), &awss3.ListObjectsV2Input{Bucket: aws.String("bkt"), Prefix: aws.String("a b&/"), MaxKeys: aws.Int32(7)})
			return err
		}},
		{"s3", "putBucketTagging", `{"Bucket":"bkt","Tagging":{"TagSet":[{"Key":"a","Value":"<b>"},{"Key":"c","Value":"d"}]}}`, Java, func(h *caught) error {
			_, err := s3Client(endpoint, keys, h).PutBucketTagging(t.Context(), &awss3.PutBucketTaggingInput{
				Bucket: aws.String("bkt"), Tagging: &s3types.Tagging{TagSet: []s3types.Tag{{Key: aws.String("a"), Value: aws.String("<b>")}, {Key: aws.String("c"), Value: aws.String("d")}}},
			})
			return err
		}},
		{"s3", "deleteObjects", `{"Bucket":"bkt","Delete":{"Quiet":true,"Objects":[{"Key":"a"},{"Key":"b"}]}}`, Java, func(h *caught) error {
			_, err := s3Client(endpoint, keys, h).DeleteObjects(t.Context(), &awss3.DeleteObjectsInput{
				Bucket: aws.String("bkt"), Delete: &s3types.Delete{Quiet: aws.Bool(true), Objects: []s3types.ObjectIdentifier{{Key: aws.String("a")}, {Key: aws.String("b")}}},
			})
			return err
		}},
		{"lambda", "invoke", `{"FunctionName":"arn:aws:lambda:eu-west-1:123456789012:function:f","Qualifier":"live","InvocationType":"Event","Payload":{"a":1}}`, Java, func(h *caught) error {
			_, err := awslambda.New(awslambda.Options{BaseEndpoint: endpoint, Region: "eu-west-1", Credentials: keys, HTTPClient: h}).Invoke(t.Context(), &awslambda.InvokeInput{
				FunctionName: aws.String("arn:aws:lambda:eu-west-1:123456789012:function:f"), Qualifier: aws.String("live"), InvocationType: "Event", Payload: []byte(`{"a":1}`),
			})
			return err
		}},
		{"dataexchange", "createDataSet", `{"Name":"n","Description":"d","AssetType":"S3_SNAPSHOT","Tags":{"a":"b"}}`, Java, func(h *caught) error {
			_, err := awsdx.New(awsdx.Options{BaseEndpoint: endpoint, Region: "eu-west-1", Credentials: keys, HTTPClient: h}).CreateDataSet(t.Context(), &awsdx.CreateDataSetInput{
				Name: aws.String("n"), Description: aws.String("d"), AssetType: dxtypes.AssetTypeS3Snapshot, Tags: map[string]string{"a": "b"},
			})
			return err
		}},
	} {
		t.Run(c.service+" "+c.operation, func(t *testing.T) {
			ours, theirs := &caught{answer: ""}, &caught{}
			if _, err := do(t, ours, c.service, c.operation, c.parameters, c.naming); err != nil && ours.request == nil {
				t.Fatal(err)
			}
			if err := c.theirs(theirs); theirs.request == nil {
				t.Fatal(err)
			}
			a, b := ours.request, theirs.request
			b.URL.RawQuery = strings.TrimSuffix(strings.ReplaceAll(b.URL.RawQuery, "x-id=PutObject", ""), "&")
			if a.Method != b.Method || strings.TrimSuffix(a.URL.EscapedPath(), "/") != strings.TrimSuffix(b.URL.EscapedPath(), "/") || !reflect.DeepEqual(withoutID(a.URL.Query()), withoutID(b.URL.Query())) {
				t.Errorf("%s %s, the SDK sends %s %s", a.Method, a.URL, b.Method, b.URL)
			}
			for name := range b.Header {
				switch name {
				case "User-Agent", "X-Amz-User-Agent", "Amz-Sdk-Invocation-Id", "Amz-Sdk-Request", "Accept-Encoding", "Authorization", "X-Amz-Date", "Content-Length", "X-Amzn-Query-Mode",
					"Content-Type", "X-Amz-Content-Sha256", "X-Amz-Trailer", "Content-Encoding", "X-Amz-Decoded-Content-Length", "Accept", "Expires":
					continue // not of the call, or in another way
				}
				if strings.Join(a.Header[name], "|") != strings.Join(b.Header[name], "|") {
					t.Errorf("%s is %q, the SDK sends %q", name, a.Header[name], b.Header[name])
				}
			}
			if got, want := comparable(t, a, ours.body), comparable(t, b, theirs.body); !reflect.DeepEqual(got, want) {
				t.Errorf("body %v, the SDK sends %v", got, want)
			}
			signed := func(r *http.Request) string {
				_, scope, _ := strings.Cut(r.Header.Get("Authorization"), "/")
				_, scope, _ = strings.Cut(scope, "/") // the date
				scope, _, _ = strings.Cut(scope, ",")
				return scope
			}
			if signed(a) != signed(b) || signed(a) == "" {
				t.Errorf("signed for %q, the SDK signs for %q", signed(a), signed(b))
			}
		})
	}
}

func withoutID(q url.Values) url.Values {
	delete(q, "x-id")
	return q
}

func s3Client(endpoint *string, keys aws.CredentialsProvider, h *caught) *awss3.Client {
	return awss3.New(awss3.Options{BaseEndpoint: endpoint, Region: "eu-west-1", Credentials: keys, HTTPClient: h, UsePathStyle: true})
}
