package server

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"heddle/internal/swf/registry"
	"heddle/internal/swf/wire"
)

// A domain has as many tags as it may have, all as long as they may be and written
// as wide as clients write them.
func TestFullTags(t *testing.T) {
	s := start(t, Config{Listen: "127.0.0.1:0", Store: StoreMemory, Auth: AuthNone})
	ask := func(action, body string) (int, []byte) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL(), strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Amz-Target", wire.TargetPrefix+"."+action)
		r.Header.Set("Content-Type", "application/x-amz-json-1.0")
		w, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Body.Close()
		answer, err := io.ReadAll(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		return w.StatusCode, answer
	}
	var tags []string
	for i := range registry.DefaultLimits().TagsPerDomainMax {
		tags = append(tags, fmt.Sprintf(`{"key":"%02d%s","value":"%s"}`, i, strings.Repeat(`\u00e9`, 126), strings.Repeat(`\u00e9`, 256)))
	}
	all := `"tags":[` + strings.Join(tags, ",") + `]`
	for _, c := range []struct{ action, body string }{
		{"RegisterDomain", `{"name":"shop","workflowExecutionRetentionPeriodInDays":"1",` + all + `}`},
		{"TagResource", `{"resourceArn":"arn:aws:swf:us-east-1:123456789012:/domain/shop",` + all + `}`},
	} {
		if status, answer := ask(c.action, c.body); status != http.StatusOK {
			t.Errorf("%s of %d bytes: %d %s", c.action, len(c.body), status, answer)
		}
		_, answer := ask("ListTagsForResource", `{"resourceArn":"arn:aws:swf:us-east-1:123456789012:/domain/shop"}`)
		var got struct{ Tags []struct{ Key, Value string } }
		if err := json.Unmarshal(answer, &got); err != nil || len(got.Tags) != len(tags) {
			t.Errorf("after %s there are %d tags, want %d: %v", c.action, len(got.Tags), len(tags), err)
		}
	}
}
