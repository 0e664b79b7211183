package policy_test

import (
	"strings"
	"testing"
	"time"

	"heddle/internal/aws/policy"
)

// TestWorstPolicies evaluates the dearest policies that fit into one of the largest
// size, for the longest values that requests have. A value costs milliseconds at
// most; what grows faster than its length times the policy's takes years.
func TestWorstPolicies(t *testing.T) {
	const size, bound = 6144, 5 * time.Second
	value := strings.Repeat("a", 256)
	key := "aws:PrincipalTag/" + strings.Repeat("k", 128)
	known := policy.Context{{Key: "swf:taskList.name", Value: value}}
	for i := range 50 { // as many tags as there may be, with keys that differ at their ends
		known = append(known, policy.Value{Key: key[:len(key)-1] + string("xy"[min(i, 1)]), Value: value})
	}
	known = append(known, policy.Value{Key: "aws:username", Value: "a"})
	for name, s := range map[string]string{
		"stars":             strings.Repeat("*a", size/2) + "b",
		"one star":          "*" + strings.Repeat("a", 127) + "b",
		"marks":             "*" + strings.Repeat("?", 127) + "b",
		"stars and marks":   strings.Repeat("*?", 100) + "b",
		"variables":         "*" + strings.Repeat("${aws:username}", size/16) + "b",
		"missing variable":  "*${" + key + "}",
		"defaults":          "*" + strings.Repeat("${"+key+",'a'}", size/160) + "b",
		"letters and marks": "*" + strings.Repeat("a?", 63) + "b",
		"halves":            strings.Repeat("*"+strings.Repeat("a", 16)+"b", size/18),
		"stars at the ends": "*" + strings.Repeat("a", 255) + "*" + strings.Repeat("a", 10) + "*b",
	} {
		values := `"` + s + `"` + strings.Repeat(`,"`+s+`"`, size/len(s))
		for _, document := range []string{
			`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringLike":{"swf:taskList.name":[` + values + `]}}}}`,
			`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringNotLike":{"` + key[:len(key)-1] + "x" + `":[` + values + `]}}}}`,
			`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":["arn:aws:swf:*:*:/domain/` + strings.ReplaceAll(values, `","`, `","arn:aws:swf:*:*:/domain/`)[1:] + `]}}`,
		} {
			p, err := policy.Parse([]byte(document))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			sets := &policy.PolicySets{Identity: []policy.Attached{{Policy: p}}}
			began := time.Now()
			policy.Evaluate(&policy.Request{Action: "swf:StartWorkflowExecution", Resource: "arn:aws:swf:us-east-1:123456789012:/domain/" + value, Context: known}, sets)
			if took := time.Since(began); took > bound {
				t.Errorf("%s: %s for %.200s", name, took, document)
			}
		}
	}
}
