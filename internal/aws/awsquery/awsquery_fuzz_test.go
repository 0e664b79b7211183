package awsquery

import (
	"encoding/xml"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
)

// FuzzServe sends any query and body. Whatever they are, the answer is whole XML
// with a status that fits it, and only the actions that fail say so.
func FuzzServe(f *testing.F) {
	f.Add("", "Action=Echo&Version=2020-02-02&Name=a&Name.member.1=b&Tags.member.1.Key=k&Tags.member.1.Values.member.1=v", true, true)
	f.Add("Action=Echo&Version=2020-02-02&Name=%00%ff<&>", "", false, true)
	f.Add("", "Action=Echo&Version=2020-02-02&Name=a&Tags.member.1.Key=k", true, true)
	f.Add("Action=Nothing;Version=2020-02-02", "Version=2020-02-02&%zz", true, true)
	f.Add("Action=Refuse&Version=2020-02-02", "", false, false)
	f.Add("Action=%F0%9F%98%80&Version="+strings.Repeat("9", 300), "", false, true)
	f.Fuzz(func(t *testing.T, query, body string, post, known bool) {
		h := newHouse()
		method := "GET"
		if post {
			method = "POST"
		}
		r := httptest.NewRequest(method, "/", strings.NewReader(body))
		r.URL.RawQuery = query
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if known {
			r.Header.Set("Who", "ann")
		}
		if !New().Claims(r) {
			return
		}
		status, answer := h.call(r)
		if status != 200 && (status < 400 || status > 500) {
			t.Fatalf("status %d: %s", status, answer)
		}
		if root, err := rootOf(answer); err != nil || (root == "ErrorResponse") != (status != 200) {
			t.Fatalf("status %d with %s: %v in %q", status, root, err, answer)
		}
		if broken := strings.Contains(query+body, "Fail") || strings.Contains(query+body, "Panic") || strings.Contains(query+body, "nothing") || strings.Contains(query+body, "%"); status == 500 && !broken {
			t.Fatalf("%d %s", status, answer)
		}
		if strings.Contains(answer, "inner") && !strings.Contains(query+body, "inner") && !strings.Contains(query+body, "%") {
			t.Fatalf("the caller is told too much: %s", answer)
		}
	})
}

// rootOf reads a document to its end and gives its outermost element.
func rootOf(document string) (root string, err error) {
	d := xml.NewDecoder(strings.NewReader(document))
	for {
		token, err := d.Token()
		if err == io.EOF {
			return root, nil
		}
		if err != nil {
			return root, err
		}
		if start, ok := token.(xml.StartElement); ok && root == "" {
			root = start.Name.Local
		}
	}
}
