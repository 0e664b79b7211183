package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// The stand-ins answer as the services do, so far as cases show it.
func TestStandIns(t *testing.T) {
	services := standIns{newFunctions(account, "us-east-1"), newObjects(), newQueues()}
	server := httptest.NewServer(services.handler())
	defer server.Close()
	services.queues.url = server.URL + "/sqs"
	queue := services.queues.create("q")
	services.objects.create("b")
	ask := func(method, path, target, body string) string {
		t.Helper()
		r, err := http.NewRequest(method, server.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Amz-Target", target)
		answer, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.Status + " " + string(text)
	}
	for _, c := range []struct{ method, path, target, body, want string }{
		{"POST", "/sqs/", "AmazonSQS.SendMessage", `{"QueueUrl":"` + queue + `","MessageBody":"m"}`, `"MD5OfMessageBody":"6f8f57715090da2632453988d9a1501b"`},
		{"POST", "/sqs/", "AmazonSQS.SendMessage", `{"QueueUrl":"` + queue + `"}`, "must contain the parameter MessageBody"},
		{"POST", "/sqs/", "AmazonSQS.SendMessage", `{"QueueUrl":"other","MessageBody":"m"}`, "QueueDoesNotExist"},
		{"POST", "/sqs/", "AmazonSQS.PurgeQueue", `{}`, "UnsupportedOperation"},
		{"GET", "/s3/none/k", "", "", "NoSuchBucket"},
		{"GET", "/s3/b/k", "", "", "NoSuchKey"},
		{"PUT", "/s3/b/k", "", "text", "200 OK"},
		{"GET", "/s3/b/k", "", "", "text"},
	} {
		if got := ask(c.method, c.path, c.target, c.body); !strings.Contains(got, c.want) {
			t.Errorf("%s %s %s: %s, want %s", c.method, c.path, c.body, got, c.want)
		}
	}
	if body, some := services.queues.receive(queue); body != "m" || !some {
		t.Errorf("received %q, %v", body, some)
	}
	if body, some := services.queues.receive(queue); some {
		t.Errorf("received %q again", body)
	}
}
