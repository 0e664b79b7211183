package httptask

import (
	"context"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"heddle/jsonvalue"
)

// fakeCluster has one job, with a pod of two containers, and answers other requests with what
// came.
func fakeCluster(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Content-Type", "application/json")
	const jobs, pods = "/apis/batch/v1/namespaces/ns/jobs", "/api/v1/namespaces/ns/pods"
	switch at := r.Method + " " + r.URL.Path; {
	case r.Header.Get("Authorization") != "Bearer t":
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"kind":"Status","code":401}`)
	case at == "POST "+jobs:
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, strings.Replace(string(body), `"generateName":"j-"`, `"name":"j-1"`, 1))
	case at == "GET "+jobs+"/j-1":
		fmt.Fprint(w, `{"metadata":{"name":"j-1"},"status":{"conditions":[{"type":"SuccessCriteriaMet","status":"True"},{"type":"Complete","status":"True"}]}}`)
	case at == "GET "+jobs+"/j-2":
		fmt.Fprint(w, `{"metadata":{"name":"j-2"},"status":{"conditions":[{"type":"Failed","status":"True"}]}}`)
	case at == "GET "+jobs+"/j-3":
		fmt.Fprint(w, `{"metadata":{"name":"j-3"},"status":{"active":1,"conditions":[{"type":"Complete","status":"False"}]}}`)
	case at == "GET "+jobs+"/j-5":
		w.WriteHeader(http.StatusServiceUnavailable)
	case at == "GET "+pods && strings.HasPrefix(r.URL.RawQuery, "labelSelector=job-name%3Dj-"):
		fmt.Fprint(w, `{"items":[{"metadata":{"name":"p-1"},"spec":{"containers":[{"name":"a"},{"name":"b"},{"name":"c"}]}}]}`)
	case at == "GET "+pods+"/p-1/log" && r.URL.RawQuery == "container=a&tailLines=6":
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(w, "3.14159")
	case at == "GET "+pods+"/p-1/log" && r.URL.RawQuery == "container=b&tailLines=6":
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(w, "two\nlines")
	case strings.HasPrefix(r.URL.Path, "/echo"):
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprintf(w, "%s %s %s|%s", r.Method, r.RequestURI, r.Header.Get("Content-Type"), body)
	default:
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"kind":"Status","code":404}`)
	}
}

// TestClusters: what is asked of a cluster, and what tasks give or fail with.
func TestClusters(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(fakeCluster))
	t.Cleanup(server.Close)
	authority := base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	about := `"ClusterName":"c","CertificateAuthority":"` + authority + `","Endpoint":"https://ABC.gr7.us-east-1.eks.amazonaws.com"`
	parse := func(text string, with func(*jsonvalue.Object) (*Cluster, error)) (*Cluster, error) {
		v, err := jsonvalue.ParseString(strings.Replace(text, "ABOUT", about, 1))
		if err != nil {
			t.Fatal(text, err)
		}
		return with(v.(*jsonvalue.Object))
	}
	ctx, talk := context.Background(), Talk{server.URL + "/", "t"}
	for _, c := range []struct{ parameters, want string }{
		{`{ABOUT,"Method":"GET","Path":"/echo/pods","QueryParameters":{"labelSelector":["a=b"]}}`, `{"ResponseBody":"GET /echo/pods?labelSelector=a%3Db |","StatusCode":200,"StatusText":"OK"}`},
		{`{ABOUT,"Method":"POST","Path":"/echo","RequestBody":{"a":1}}`, `{"ResponseBody":"POST /echo application/json|{\"a\":1}","StatusCode":200,"StatusText":"OK"}`},
		{`{ABOUT,"Method":"PATCH","Path":"/echo","RequestBody":[{"op":"test"}]}`, `{"ResponseBody":"PATCH /echo application/json-patch+json|[{\"op\":\"test\"}]","StatusCode":200,"StatusText":"OK"}`},
		{`{ABOUT,"Method":"PATCH","Path":"/echo","RequestBody":{"a":null}}`, `{"ResponseBody":"PATCH /echo application/merge-patch+json|{\"a\":null}","StatusCode":200,"StatusText":"OK"}`},
		{`{ABOUT,"Method":"GET","Path":"/none"}`, `EKS.404: {"ResponseBody":{"kind":"Status","code":404},"StatusCode":404,"StatusText":"Not Found"}`},
		{`{ABOUT,"Method":"GET","Path":"/a/../b"}`, Runtime},
		{`{ABOUT,"Method":"GET","Path":"/a?b"}`, Runtime},
		{`{ABOUT,"Method":"OPTIONS","Path":"/a"}`, Runtime},
		{`{ABOUT,"Method":"GET","Path":"/a","Headers":{"Authorization":"x"}}`, Runtime},
		{`{"ClusterName":"c","CertificateAuthority":"bm8=","Endpoint":"https://e","Method":"GET","Path":"/a"}`, Runtime},
		{`{"ClusterName":"../c","Method":"GET","Path":"/a"}`, Runtime},
	} {
		k, err := parse(c.parameters, ParseCall)
		got := fmt.Sprint(err)
		if err == nil {
			output, failed, _ := k.Call(ctx, talk)
			if failed != nil {
				got = failed.Error()
			} else {
				got = jsonvalue.Text(output)
			}
		}
		if got != c.want && !(err != nil && strings.HasPrefix(got, c.want)) {
			t.Errorf("%s: %s, want %s", c.parameters, got, c.want)
		}
	}

	k, err := parse(`{ABOUT,"Namespace":"ns","Job":{"metadata":{"generateName":"j-"}},"LogOptions":{"RetrieveLogs":true,"LogParameters":{"tailLines":["6"]}}}`, ParseJob)
	if err != nil {
		t.Fatal(err)
	}
	output, job, failed, _ := k.Begin(ctx, talk)
	if failed != nil || jsonvalue.Text(output) != `{"ResponseBody":{"metadata":{"name":"j-1"}},"StatusCode":201,"StatusText":"Created"}` || nameOf(job) != "j-1" {
		t.Errorf("begun: %s, %v", jsonvalue.Text(output), failed)
	}
	const logs = `"logs":{"pods":{"p-1":{"containers":{"a":{"log":3.14159},"b":{"log":"two\nlines"},"c":{"error":"EKS.404","cause":"{\"ResponseBody\":{\"kind\":\"Status\",\"code\":404},\"StatusCode\":404,\"StatusText\":\"Not Found\"}"}}}}}`
	for name, want := range map[string]string{
		"j-1": `true true {"metadata":{"name":"j-1"},"status":{"conditions":[{"type":"SuccessCriteriaMet","status":"True"},{"type":"Complete","status":"True"}]},` + logs + `}`,
		"j-2": `true false {"metadata":{"name":"j-2"},"status":{"conditions":[{"type":"Failed","status":"True"}]},` + logs + `}`,
		"j-3": `false false {"metadata":{"name":"j-3"},"status":{"active":1,"conditions":[{"type":"Complete","status":"False"}]}}`,
		"j-4": `EKS.404 false`,
		"j-5": `EKS.503 true`,
	} {
		begun, _ := jsonvalue.ParseString(`{"metadata":{"name":"` + name + `"}}`)
		job, failed, _ := k.Ask(ctx, talk, begun.(*jsonvalue.Object))
		got := ""
		if failed != nil {
			got = fmt.Sprintf("%s %t", failed.Name, failed.Passing())
		} else {
			got = fmt.Sprintf("%t %t %s", job.Ended, job.Good, jsonvalue.Text(job.Output))
		}
		if got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	raw, err := parse(`{ABOUT,"Namespace":"ns","Job":"{\"metadata\":{}}","LogOptions":{"RetrieveLogs":true,"RawLogs":true,"LogParameters":{"tailLines":["6"]}}}`, ParseJob)
	if err != nil {
		t.Fatal(err)
	}
	if got := jsonvalue.Text(raw.logsOf(ctx, talk, "j-1")); !strings.Contains(got, `{"log":"3.14159"}`) {
		t.Errorf("raw logs are %s", got)
	}
	if _, _, failed, _ := k.Begin(ctx, Talk{server.URL, "other"}); failed == nil || failed.Name != "EKS.401" {
		t.Errorf("a token that is not known: %v", failed)
	}
	other := httptest.NewTLSServer(http.HandlerFunc(fakeCluster))
	k.roots = nil // the system's, which do not know the server
	if _, _, failed, cause := k.Begin(ctx, Talk{other.URL, "t"}); failed == nil || failed.Name != ClusterClient || cause == nil {
		t.Errorf("a certificate of another authority: %v %v", failed, cause)
	}
	other.Close()
	for host, want := range map[string]bool{
		"ABC.gr7.us-east-1.eks.amazonaws.com": true, "abc.eks.amazonaws.com:443": true, "abc.eks.amazonaws.com:444": false, "eks.amazonaws.com.evil.example": false, "evileks.amazonaws.com": false, "10.0.0.1": false,
	} {
		if got := (&Cluster{Host: host}).IsOfEKS(); got != want {
			t.Errorf("%s is of EKS: %t", host, got)
		}
	}
}
