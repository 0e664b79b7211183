package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestFunctions(t *testing.T) {
	n := testNames()
	name, _ := n.fill("@{u1}")
	f := newFunctions("111122223333", "eu-west-1")
	for _, of := range []function{
		{Name: "echo-@{u1}", Returns: "@input"},
		{Name: "says", Returns: `{"r": "@{region}"}`},
		{Name: "long", Returns: "@repeat:a:3"},
		{Name: "slow", Returns: "1", AfterSeconds: 60},
		{Name: "fails", Fails: json.RawMessage(`{"errorType":"E:,", "a":["\",",1],
			"requestId":"@{uuid1}","at":"@{region}"}`)},
	} {
		if err := f.add(of, n); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.add(function{Name: "@{exec1}"}, n); err == nil {
		t.Error("a function whose name nothing bound was added")
	}
	for _, c := range []struct {
		method, path, payload string
		status                int
		failed                string
		want                  string // regular expression
	}{
		{"POST", "echo-" + name, `{"a": 1}`, 200, "", `^\{"a": 1\}$`},
		{"POST", "echo-" + name, ``, 200, "", `^\{\}$`},
		{"POST", "arn:aws:lambda:eu-west-1:111122223333:function:says:$LATEST", `1`, 200, "", `^\{"r": "eu-west-1"\}$`},
		{"POST", "says", `1`, 200, "", `^\{"r": "eu-west-1"\}$`},
		{"POST", "long", `1`, 200, "", `^"aaa"$`},
		{"POST", "slow", `1`, 200, "", `^1$`},
		{"POST", "fails", `1`, 200, "Unhandled", `^\{"errorType": "E:,", "a": \["\\",", 1\], "requestId": "` + uuidForm.String() + `", "at": "eu-west-1"\}$`},
		{"POST", "none", `1`, 404, "", `"Message":"Function not found: arn:aws:lambda:eu-west-1:111122223333:function:none:\$LATEST"`},
		{"GET", "says", ``, 404, "", ``},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := httptest.NewRecorder()
			began := time.Now()
			f.ServeHTTP(w, httptest.NewRequest(c.method, "/2015-03-31/functions/"+c.path+"/invocations", strings.NewReader(c.payload)))
			if w.Code != c.status || w.Header().Get("X-Amz-Function-Error") != c.failed || !regexp.MustCompile(c.want).Match(w.Body.Bytes()) {
				t.Errorf("%s: got %d %v %s", c.path, w.Code, w.Header(), w.Body)
			}
			if c.status == 404 && c.method == "POST" && w.Header().Get("X-Amzn-ErrorType") != "ResourceNotFoundException" {
				t.Errorf("%s: got %v", c.path, w.Header())
			}
			if took := time.Since(began); (c.path == "slow") != (took == 60*time.Second) {
				t.Errorf("%s took %s", c.path, took)
			}
		})
	}
	r := httptest.NewRequest(http.MethodPost, "/2015-03-31/functions/says/invocations", nil)
	r.Header.Set("X-Amz-Invocation-Type", "Event")
	w := httptest.NewRecorder()
	if f.ServeHTTP(w, r); w.Code != 202 || w.Body.Len() != 0 {
		t.Errorf("an event was answered %d %s", w.Code, w.Body)
	}
}
