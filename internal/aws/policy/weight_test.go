package policy

import (
	"runtime"
	"strings"
	"testing"
)

// TestPoliciesAreWeighed compares what policies of every form say that they weigh with what
// they take of the heap.
func TestPoliciesAreWeighed(t *testing.T) {
	heap := func() int {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	many := func(one string) string { return one + strings.Repeat(","+one, 4000/(len(one)+1)) }
	statement := func(rest string) string { return `{"Effect":"Allow","Action":"a:b","Resource":"*"` + rest + `}` }
	for name, statements := range map[string]string{
		"small":          statement(""),
		"statements":     many(statement("")),
		"sids":           statement(`,"Sid":"` + strings.Repeat("a", 4000) + `"`),
		"actions":        `{"Effect":"Allow","Action":[` + many(`"a:b"`) + `],"Resource":"*"}`,
		"starry actions": `{"Effect":"Allow","Action":"a:` + strings.Repeat("*a", 2000) + `","Resource":"*"}`,
		"resources":      `{"Effect":"Allow","Action":"a:b","Resource":[` + many(`"arn:aws:swf:*:*:/domain/*"`) + `]}`,
		"short values":   statement(`,"Condition":{"StringLike":{"a:b":[` + many(`"*b*"`) + `]}}`),
		"long values":    statement(`,"Condition":{"StringEquals":{"a:b":[` + many(`"`+strings.Repeat("b", 200)+`"`) + `]}}`),
		"variables":      statement(`,"Condition":{"StringEquals":{"a:b":[` + many(`"${a:b}-${a:c,'none'}"`) + `]}}`),
		"numbers":        statement(`,"Condition":{"NumericEquals":{"a:b":[` + many(`1`) + `]}}`),
		"dates":          statement(`,"Condition":{"DateEquals":{"a:b":[` + many(`"2026"`) + `]}}`),
		"addresses":      statement(`,"Condition":{"IpAddress":{"a:b":[` + many(`"::1"`) + `]}}`),
		"ARNs":           statement(`,"Condition":{"ArnLike":{"a:b":[` + many(`"arn:a:b:c:*:d"`) + `]}}`),
		"conditions":     statement(`,"Condition":{"StringEquals":{` + strings.TrimSuffix(keys(300), ",") + `}}`),
	} {
		document := []byte(`{"Version":"2012-10-17","Statement":[` + statements + `]}`)
		const copies = 50
		var kept [copies]*Policy
		before := heap()
		for i := range kept {
			var err error
			if kept[i], err = Parse(document); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		real := (heap() - before) / copies
		told := kept[0].Bytes()
		runtime.KeepAlive(kept)
		t.Logf("%-16s %6d bytes of text, %7d of memory, %7d are told", name, len(document), real, told)
		if real > told+1024 || told > 2*real+2048 {
			t.Errorf("%s: %d bytes are told, and %d taken", name, told, real)
		}
	}
}

// keys are conditions of many keys.
func keys(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(`"a:`)
		b.WriteString(strings.Repeat("k", i%7))
		b.WriteString(string(rune('a'+i%26)) + string(rune('a'+i/26)))
		b.WriteString(`":"v",`)
	}
	return b.String()
}
