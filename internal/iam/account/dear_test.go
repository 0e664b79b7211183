package account

import (
	"fmt"
	"strings"
	"testing"

	"heddle/internal/aws/policy"
)

// TestDearestCaller has somebody with as many and as large policies as there may be, of
// the dearest form, make the dearest calls: what one costs is bounded. With policies
// as people write them it is far below.
func TestDearestCaller(t *testing.T) {
	l := DefaultLimits()
	// filled is a policy of at most size characters, as limits count them: without spaces.
	filled := func(size int, operator, key, pattern string) *policy.Policy {
		head, tail := `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"`+operator+`":{"`+key+`":[`, `]}}}]}`
		one := `"` + pattern + `"`
		p, err := policy.Parse([]byte(head + one + strings.Repeat(","+one, (size-len(head)-len(tail)-len(one))/(len(one)+1)) + tail))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	sets := func(operator, key, pattern string) *policy.PolicySets {
		var s policy.PolicySets
		add := func(to *[]policy.Attached, size int) {
			*to = append(*to, policy.Attached{Policy: filled(size, operator, key, pattern)})
		}
		add(&s.Identity, l.UserInlineMax)
		for range l.AttachedPerEntityMax {
			add(&s.Identity, l.PolicyMax)
		}
		for range l.GroupsPerUserMax {
			add(&s.Groups, l.GroupInlineMax)
			for range l.AttachedPerEntityMax {
				add(&s.Groups, l.PolicyMax)
			}
		}
		add(&s.Boundary, l.PolicyMax)
		return &s
	}
	long := strings.Repeat("a", 256)
	r := &policy.Request{Action: "swf:RegisterDomain", Resource: "arn:aws:swf:us-east-1:123456789012:/domain/" + long, Context: policy.Context{{Key: "swf:taskList.name", Value: long}}}
	for i := range 50 {
		r.Context = append(r.Context, policy.Value{Key: "aws:TagKeys", Value: fmt.Sprint(i) + strings.Repeat("a", 126)})
	}
	for _, c := range []struct {
		name, operator, key, pattern string
		most                         int
	}{
		{"names, one value", "StringEquals", "swf:taskList.name", "some-task-list-of-mine", 2e6},
		{"names, 50 values", "ForAnyValue:StringEquals", "aws:TagKeys", "some-tag-key", 5e6},
		{"prefixes", "StringLike", "swf:taskList.name", "department-*", 2e6},
		{"one star", "StringLike", "swf:taskList.name", "*b*", policy.StepsMax},
		{"marks", "StringLike", "swf:taskList.name", "*?b*", policy.StepsMax},
		{"marks, 50 values", "ForAnyValue:StringLike", "aws:TagKeys", "*?b*", policy.StepsMax},
	} {
		s := sets(c.operator, c.key, c.pattern)
		var m policy.Meter
		d := m.Evaluate(r, s)
		// It stops between statements; none has more steps than a sixteenth.
		if m.Steps() > c.most+policy.StepsMax/16 {
			t.Errorf("%s: %d steps, want %d at most", c.name, m.Steps(), c.most)
		}
		if d.Allowed || d.TooDear != (m.Steps() > policy.StepsMax) {
			t.Errorf("%s: after %d steps %+v", c.name, m.Steps(), d)
		}
		t.Logf("%-18s %9d steps, price %d", c.name, m.Steps(), policy.Price(r, s, 1<<60))
	}
}
