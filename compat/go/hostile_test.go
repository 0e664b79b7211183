package sdk

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"heddle/compat/heddle"
)

// TestHostileRequests sends what no SDK would send. Each is refused in a known
// way, and the server goes on.
func TestHostileRequests(t *testing.T) {
	t.Parallel()
	h := openWithTypes(t, "--auth", "none") // what is wrong here is not the signature
	const (
		serialization = "com.amazon.coral.service#SerializationException"
		validation    = "com.amazon.coral.validate#ValidationException"
		unknown       = "com.amazon.coral.service#UnknownOperationException"
		model         = "com.amazonaws.swf.base.model#"
		large         = "com.amazon.coral.service#RequestEntityTooLargeException"
		signature     = "com.amazon.coral.service#IncompleteSignatureException"
	)
	deep := strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000)
	list := `,"taskList":{"name":"l"}}`
	for _, c := range []struct {
		name      string
		operation string
		body      string
		change    func(*http.Request)
		status    int
		fault     string // empty: success
		message   string // if given, exactly
	}{
		{name: "no body", operation: "ListDomains", status: 400, fault: serialization},
		{name: "not JSON", operation: "ListDomains", body: "<xml/>", status: 400, fault: serialization},
		{name: "cut off", operation: "ListDomains", body: `{"registrationStatus":"REG`, status: 400, fault: serialization},
		{name: "more after the end", operation: "ListDomains", body: `{"registrationStatus":"REGISTERED"}{}`, status: 400, fault: serialization},
		{name: "list for a structure", operation: "ListDomains", body: `[]`, status: 400, fault: serialization},
		{name: "null for a structure", operation: "ListDomains", body: `null`, status: 400},
		{name: "number for a string", operation: "ListDomains", body: `{"registrationStatus":1}`, status: 400, fault: serialization, message: "NUMBER_VALUE can not be converted to a String"},
		{name: "true for a string", operation: "ListDomains", body: `{"registrationStatus":true}`, status: 400, fault: serialization, message: "TRUE_VALUE can not be converted to a String"},
		{name: "string for a number", operation: "ListDomains", body: `{"registrationStatus":"REGISTERED","maximumPageSize":"5"}`, status: 400, fault: serialization},
		{name: "fraction for a number", operation: "ListDomains", body: `{"registrationStatus":"REGISTERED","maximumPageSize":1.5}`, status: 400, fault: serialization},
		{name: "huge number", operation: "ListDomains", body: `{"registrationStatus":"REGISTERED","maximumPageSize":1e400}`, status: 400, fault: serialization},
		{name: "exponent bomb", operation: "ListDomains", body: `{"registrationStatus":"REGISTERED","maximumPageSize":0e999999999}`, status: 200},
		{name: "structure for a string", operation: "DescribeDomain", body: `{"name":{}}`, status: 400, fault: serialization},
		{name: "string for a structure", operation: "PollForDecisionTask", body: `{"domain":"compat","taskList":"l"}`, status: 400, fault: serialization},
		{name: "string for a list", operation: "TagResource", body: `{"resourceArn":"a","tags":"t"}`, status: 400, fault: serialization},
		{name: "not UTF-8", operation: "DescribeDomain", body: "{\"name\":\"\xff\xfe\"}", status: 400, fault: serialization},
		{name: "lone surrogate", operation: "DescribeDomain", body: `{"name":"\ud800"}`, status: 400},
		{name: "control character in a string", operation: "DescribeDomain", body: "{\"name\":\"a\nb\"}", status: 400, fault: serialization},
		{name: "deep and unknown", operation: "DescribeDomain", body: `{"name":"x","y":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`, status: 400, fault: serialization},
		{name: "deeper than the bound", operation: "DescribeDomain", body: deep, status: 413, fault: large},
		{name: "unknown members", operation: "DescribeDomain", body: `{"name":"compat","zz":{"a":[1,null,"x"]}}`, status: 200},
		{name: "member twice", operation: "DescribeDomain", body: `{"name":"none","name":"compat"}`, status: 200},
		{name: "nothing required is there", operation: "DescribeWorkflowExecution", body: `{}`, status: 400, fault: validation,
			message: "2 validation errors detected: Value null at 'execution' failed to satisfy constraint: Member must not be null; Value null at 'domain' failed to satisfy constraint: Member must not be null"},
		{name: "explicit nulls", operation: "DescribeWorkflowExecution", body: `{"domain":"compat","execution":{"runId":null,"workflowId":null}}`, status: 400, fault: validation,
			message: "2 validation errors detected: Value null at 'execution.runId' failed to satisfy constraint: Member must not be null; Value null at 'execution.workflowId' failed to satisfy constraint: Member must not be null"},
		{name: "null in an attribute block", operation: "RespondDecisionTaskCompleted", body: `{"taskToken":"t","decisions":[{"decisionType":"RecordMarker","recordMarkerDecisionAttributes":{}}]}`, status: 400, fault: validation,
			message: "1 validation error detected: Value null at 'decisions.1.member.recordMarkerDecisionAttributes.markerName' failed to satisfy constraint: Member must not be null"},
		{name: "null decision", operation: "RespondDecisionTaskCompleted", body: `{"taskToken":"t","decisions":[null]}`, status: 400},
		{name: "many decisions", operation: "RespondDecisionTaskCompleted", body: `{"taskToken":"t","decisions":[` + strings.Repeat(`{},`, 60_000) + `{}]}`, status: 400},
		{name: "token too long", operation: "RespondActivityTaskCompleted", body: `{"taskToken":"` + strings.Repeat("A", 1025) + `"}`, status: 400, fault: validation},
		{name: "token of zeros", operation: "RespondActivityTaskCompleted", body: `{"taskToken":"` + strings.Repeat("0", 100) + `"}`, status: 400, fault: validation, message: "Invalid token"},
		{name: "empty token", operation: "RespondActivityTaskCompleted", body: `{"taskToken":""}`, status: 400, fault: validation},
		{name: "odd token", operation: "RespondActivityTaskCompleted", body: `{"taskToken":"\u0000\u2028é"}`, status: 400, fault: validation, message: "Invalid token"},
		{name: "negative dates", operation: "ListOpenWorkflowExecutions", body: `{"domain":"compat","startTimeFilter":{"oldestDate":-1e15,"latestDate":1e15}}`, status: 200},
		{name: "endless dates", operation: "ListOpenWorkflowExecutions", body: `{"domain":"compat","startTimeFilter":{"oldestDate":0,"latestDate":1e300}}`, status: 400},
		{name: "date as text", operation: "ListOpenWorkflowExecutions", body: `{"domain":"compat","startTimeFilter":{"oldestDate":"2020-01-01T00:00:00Z"}}`, status: 400, fault: serialization},
		{name: "unknown operation", operation: "DropTables", body: `{}`, status: 400, fault: unknown},
		{name: "other case", operation: "listdomains", body: `{}`, status: 400, fault: unknown},
		{name: "no target", operation: "ListDomains", body: `{}`, status: 400, fault: unknown, change: func(r *http.Request) { r.Header.Del("X-Amz-Target") }},
		{name: "target without service", operation: "ListDomains", body: `{}`, status: 400, fault: unknown, change: func(r *http.Request) { r.Header.Set("X-Amz-Target", "ListDomains") }},
		{name: "target of another service", operation: "ListDomains", body: `{}`, status: 400, fault: unknown, change: func(r *http.Request) { r.Header.Set("X-Amz-Target", "DynamoDB_20120810.ListTables") }},
		{name: "odd target", operation: "ListDomains", body: `{}`, status: 400, fault: unknown, change: func(r *http.Request) { r.Header.Set("X-Amz-Target", "....") }},
		{name: "old target", operation: "ListDomains", body: `{"registrationStatus":"REGISTERED"}`, status: 200, change: func(r *http.Request) {
			r.Header.Set("X-Amz-Target", "com.amazonaws.swf.service.model.SimpleWorkflowService.ListDomains")
			r.Header.Set("Content-Type", "application/json; charset=UTF-8")
			r.Header.Set("Content-Encoding", "amz-1.0")
		}},
		{name: "GET", operation: "ListDomains", body: ``, status: 404, change: func(r *http.Request) { r.Method = "GET" }},
		{name: "PUT", operation: "ListDomains", body: `{}`, status: 404, change: func(r *http.Request) { r.Method = "PUT" }},
		{name: "another path", operation: "ListDomains", body: `{"registrationStatus":"REGISTERED"}`, status: 200, change: func(r *http.Request) { r.URL.Path = "/swf/../x" }},
		{name: "body above the bound", operation: "DescribeDomain", body: `{"name":"` + strings.Repeat("x", 70_000) + `"}`, status: 413, fault: large},
		{name: "start above the bound", operation: "StartWorkflowExecution", body: `{"input":"` + strings.Repeat("x", 2<<20) + `"}`, status: 413, fault: large},
		{name: "decisions above the bound", operation: "RespondDecisionTaskCompleted", body: `{"taskToken":"` + strings.Repeat("x", 8<<20) + `"}`, status: 413, fault: large},
		{name: "region that is none", operation: "ListDomains", body: `{"registrationStatus":"REGISTERED"}`, status: 400, fault: signature, change: func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "/"+heddle.Region+"/", "/US East 1%00/", 1))
		}},
		{name: "empty credential", operation: "ListDomains", body: `{"registrationStatus":"REGISTERED"}`, status: 400, fault: signature, change: func(r *http.Request) {
			r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=, SignedHeaders=host, Signature=0")
		}},
		{name: "poll with an empty list", operation: "PollForDecisionTask", body: `{"domain":"compat","taskList":{"name":""}}`, status: 400, fault: validation},
		{name: "poll with a control character", operation: "PollForDecisionTask", body: `{"domain":"compat","taskList":{"name":"\u0007"}}`, status: 400, fault: validation},
		{name: "poll of a domain with a path", operation: "PollForDecisionTask", body: `{"domain":"../../etc"` + list, status: 400},
		{name: "many polls' sizes", operation: "PollForDecisionTask", body: `{"domain":"compat","maximumPageSize":1001` + list, status: 400, fault: validation},
		{name: "resource that is none", operation: "ListTagsForResource", body: `{"resourceArn":"x"}`, status: 400, fault: model + "UnknownResourceFault"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			r, err := h.server.Request(ctx, c.operation, []byte(c.body))
			h.ok(err)
			if c.change != nil {
				c.change(r)
			}
			answer, err := heddle.Send(r)
			if err != nil && c.fault == large {
				return // the connection was closed before all was sent
			}
			if err != nil {
				t.Fatal(err)
			}
			if answer.Status != c.status {
				t.Errorf("got status %d, want %d: %.300s", answer.Status, c.status, answer.Body)
			}
			if c.status == 200 {
				return
			}
			fault, message, err := answer.Fault()
			if err != nil {
				t.Fatal(err)
			}
			if c.fault != "" && fault != c.fault || c.message != "" && message != c.message {
				t.Errorf("got %s: %.300s\nwant %s: %s", fault, message, c.fault, c.message)
			}
			if answer.Header.Get("x-amzn-RequestId") == "" || len(message) > 2000 {
				t.Errorf("request id %q, message of %d bytes", answer.Header.Get("x-amzn-RequestId"), len(message))
			}
		})
	}
}

// TestHostileConnections speaks HTTP badly, on raw connections.
func TestHostileConnections(t *testing.T) {
	t.Parallel()
	h := openWithTypes(t, "--auth", "none") // what is wrong here is not the signature
	head := "POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: SimpleWorkflowService.ListDomains\r\n"
	body := `{"registrationStatus":"REGISTERED"}`
	for _, c := range []struct {
		name, text string
		status     int // 0: the connection closes without an answer
	}{
		{"chunked", head + "Transfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body), 200},
		{"two requests at once", strings.Repeat(head+fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body), 2), 200},
		{"two lengths", head + fmt.Sprintf("Content-Length: %d\r\nContent-Length: 1\r\n\r\n%s", len(body), body), 400},
		{"length and chunks", head + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body), 200},
		{"negative length", head + "Content-Length: -1\r\n\r\n", 400},
		{"huge length", head + "Content-Length: 99999999999999\r\n\r\n{", 413},
		{"endless headers", head + strings.Repeat("X-Junk: "+strings.Repeat("j", 1000)+"\r\n", 200) + "\r\n", 431},
		{"header junk", head + "Content-Length: 2\r\n\x00\x01: \x02\r\n\r\n{}", 400},
		{"two targets", "POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: SimpleWorkflowService.ListDomains\r\nX-Amz-Target: SimpleWorkflowService.DropTables\r\n" +
			fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body), 200},
		{"not HTTP", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400},
		{"no host", "POST / HTTP/1.1\r\nX-Amz-Target: SimpleWorkflowService.ListDomains\r\nContent-Length: 2\r\n\r\n{}", 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", h.server.Addr)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(conn, bytes.NewBufferString(c.text)); err != nil {
				t.Logf("write: %v", err) // the server may close before it has read all
			}
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatalf("no answer: %v", err)
			}
			if response.StatusCode != c.status {
				b, _ := io.ReadAll(io.LimitReader(response.Body, 300))
				t.Errorf("got status %d, want %d: %s", response.StatusCode, c.status, b)
			}
		})
	}
	h.begin("still well")
}
