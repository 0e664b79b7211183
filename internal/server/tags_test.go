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

	"github.com/aws/aws-sdk-go-v2/aws"
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

// TestTwinsOfTags: tags whose keys differ in case alone pass no condition that one of them
// would fail, and get round no denial.
func TestTwinsOfTags(t *testing.T) {
	h := newHarness(t)
	const red = `{"aws:RequestTag/team":"red"}`
	tagging := h.user("tagging", `{"Effect":"Allow","Action":["swf:RegisterDomain","swf:TagResource","iam:CreateUser","iam:TagUser"],"Resource":"*","Condition":{"StringEquals":`+red+`}}`)
	domain := func(name, tags string) *knock {
		return h.swf(tagging, "RegisterDomain", `{"name":"`+name+`","workflowExecutionRetentionPeriodInDays":"1","tags":[`+tags+`]}`)
	}
	const isRed, isBlue, twinRed, twinBlue = `{"key":"team","value":"red"}`, `{"key":"team","value":"blue"}`, `{"key":"Team","value":"red"}`, `{"key":"Team","value":"blue"}`
	for _, tags := range []string{isBlue, isRed + "," + twinBlue, twinBlue + "," + isRed, isBlue + "," + twinRed, twinRed + "," + isBlue, `{"key":"note","value":"red"}`} {
		h.refused(notPermitted, domain("d", tags))
		h.refused(notPermitted, h.swf(tagging, "TagResource", `{"resourceArn":"arn:aws:swf:us-east-1:`+defaults.Account+`:/domain/d","tags":[`+tags+`]}`))
	}
	h.must(domain("d", isRed))
	h.must(domain("e", twinRed)) // the case of a condition key does not matter

	// Whoever may set any tag but the owner's gets no further by a twin of it.
	owned := `{"aws:ResourceTag/owner":"ann"}`
	ann := h.user("ann", `{"Effect":"Allow","Action":"swf:DescribeDomain","Resource":"*","Condition":{"StringEquals":`+owned+`}}`)
	kept := h.user("kept", everything, `{"Effect":"Deny","Action":"swf:DescribeDomain","Resource":"*","Condition":{"StringNotEquals":`+owned+`}}`)
	arn := `"arn:aws:swf:us-east-1:` + defaults.Account + `:/domain/bobs"`
	h.must(h.swf(h.root, "RegisterDomain", `{"name":"bobs","workflowExecutionRetentionPeriodInDays":"1","tags":[{"key":"owner","value":"bob"}]}`))
	for _, key := range []aws.Credentials{ann, kept} {
		h.refused(notPermitted, h.swf(key, "DescribeDomain", `{"name":"bobs"}`))
	}
	h.must(h.swf(h.root, "TagResource", `{"resourceArn":`+arn+`,"tags":[{"key":"Owner","value":"ann"}]}`))
	for _, key := range []aws.Credentials{ann, kept} {
		h.refused(notPermitted, h.swf(key, "DescribeDomain", `{"name":"bobs"}`))
	}
	h.must(h.swf(h.root, "UntagResource", `{"resourceArn":`+arn+`,"tagKeys":["owner"]}`))
	for _, key := range []aws.Credentials{ann, kept} {
		h.must(h.swf(key, "DescribeDomain", `{"name":"bobs"}`))
	}

	// IAM knows no such twins.
	h.user("carl")
	tags := func(values ...string) (all []string) {
		for i := 0; i < len(values); i += 2 {
			member := fmt.Sprintf("Tags.member.%d.", i/2+1)
			all = append(all, member+"Key", values[i], member+"Value", values[i+1])
		}
		return all
	}
	for _, key := range []aws.Credentials{tagging, h.root} {
		h.refused("InvalidInput", h.iam(key, "TagUser", append(tags("team", "red", "Team", "blue"), "UserName", "carl")...))
		h.refused("InvalidInput", h.iam(key, "CreateUser", append(tags("Team", "blue", "team", "red"), "UserName", "dora")...))
	}
	h.must(h.iam(tagging, "TagUser", append(tags("team", "red"), "UserName", "carl")...))
	h.refused(accessDenied, h.iam(tagging, "TagUser", append(tags("Team", "blue"), "UserName", "carl")...))
	h.must(h.iam(h.root, "TagUser", append(tags("TEAM", "green"), "UserName", "carl")...))
	if answer := h.must(h.iam(h.root, "ListUserTags", "UserName", "carl")); strings.Count(answer, "<member>") != 1 || !strings.Contains(answer, "green") {
		t.Errorf("carl has %s", answer)
	}
}
