package fault_test

import (
	"testing"

	"heddle/internal/aws/awsjson"
	"heddle/internal/aws/awsquery"
	. "heddle/internal/aws/fault"
	"heddle/internal/aws/operation"
	"heddle/internal/aws/restjson"
)

func TestFault(t *testing.T) {
	for _, c := range []struct {
		fault       *Fault
		name, error string
	}{
		{&Fault{Code: "com.amazonaws.swf.base.model#UnknownResourceFault", Message: "Unknown domain: d"}, "UnknownResourceFault", "UnknownResourceFault: Unknown domain: d"},
		{&Fault{Code: "NoSuchEntity"}, "NoSuchEntity", "NoSuchEntity"},
		{&Fault{Code: "a#b#C"}, "C", "C"},
		{Of(TooLarge, "5 GiB"), "", "too large: 5 GiB"},
		{Of(Internal, ""), "", "internal failure"},
		{Invalid("x"), "", "validation: x"},
		{Throttled(), "", "throttling: Rate exceeded"},
		{&Fault{Kind: Throttling, Code: "Throttling"}, "Throttling", "Throttling"},
	} {
		if c.fault.Name() != c.name || c.fault.Error() != c.error {
			t.Errorf("%+v: got %q, %q", c.fault, c.fault.Name(), c.fault.Error())
		}
	}
}

func TestKindsHaveNames(t *testing.T) {
	names := map[string]Kind{}
	all := Kinds()
	for i, k := range all {
		if k != Kind(i+1) {
			t.Errorf("kind %d stands at %d", k, i)
		}
		if other, twice := names[k.String()]; twice || k.String() == "" || k.String() == "unknown" {
			t.Errorf("kind %d is called %q, as is %d", k, k, other)
		}
		names[k.String()] = k
	}
	if last := all[len(all)-1]; last != ExpiredToken || (last+1).String() != "unknown" {
		t.Errorf("the last of Kinds is %d", last)
	}
}

// Each protocol spells every kind, keeps what the fault says of itself, and leaves the
// client to blame for all but internal failures and what the server can't do now.
func TestKindsAreSpelledInEachProtocol(t *testing.T) {
	for _, p := range []operation.Protocol{awsjson.New(), awsquery.New(), restjson.New()} {
		for _, k := range Kinds() {
			f := Of(k, "what was wrong")
			p.Spell(f)
			if f.Code == "" || f.Name() == "" || f.Message == "" {
				t.Errorf("%s: %s is spelled %+v", p.Name(), k, f)
			}
			if f.Kind != k || (f.Status >= 500) != (k == Internal || k == Unavailable) || f.Status != 0 && (f.Status < 400 || f.Status > 599) {
				t.Errorf("%s: %s is %+v", p.Name(), k, f)
			}
			f = &Fault{Kind: k, Status: 418}
			p.Spell(f)
			if f.Status != 418 {
				t.Errorf("%s: %s with a status of its own got %d", p.Name(), k, f.Status)
			}
		}
	}
}
