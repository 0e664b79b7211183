package resource

import (
	"fmt"
	"testing"
)

func TestARNs(t *testing.T) {
	const a = "arn:aws:states:eu-west-1:123456789012:"
	name := func(typ Type, base, label, qualifier, id string) Name {
		return Name{Partition: "aws", Region: "eu-west-1", Account: "123456789012", Type: typ, Base: base, Label: label, Qualifier: qualifier, ID: id}
	}
	for text, want := range map[string]Name{
		a + "stateMachine:m":                    name(Machine, "m", "", "", ""),
		a + "stateMachine:m:7":                  name(Machine, "m", "", "7", ""),
		a + "stateMachine:m:PROD":               name(Machine, "m", "", "PROD", ""),
		a + "stateMachine:m/label":              name(Machine, "m", "label", "", ""),
		a + "activity:a.b-c":                    name(Activity, "a.b-c", "", "", ""),
		a + "execution:m:run":                   name(Execution, "m", "", "run", ""),
		a + "execution:m/label:run":             name(Execution, "m", "label", "run", ""),
		a + "express:m:run:5f":                  name(Express, "m", "", "run", "5f"),
		a + "mapRun:m/label:0c":                 name(MapRun, "m", "label", "0c", ""),
		"arn:aws-cn:states:::stateMachine:m":    {Partition: "aws-cn", Type: Machine, Base: "m"},
		"arn:aws:states:x:1:stateMachine:größe": {Partition: "aws", Region: "x", Account: "1", Type: Machine, Base: "größe"},
	} {
		got, err := Parse(text)
		if err != nil || got != want {
			t.Errorf("%s: got %+v, error %v", text, got, err)
		}
		if got.String() != text {
			t.Errorf("%s: written as %s", text, got)
		}
	}
	for text, want := range map[string]string{
		"":                                     "Invalid ARN prefix: ",
		"no_an_activity_arn":                   "Invalid ARN prefix: no_an_activity_arn",
		"arn:aws:sqs:eu-west-1:123456789012:q": "Invalid ARN prefix: arn:aws:sqs:eu-west-1:123456789012:q",
		a + "stateMachine":                     "Resource type not valid in this context: stateMachine",
		a + "stateMachine:m:1:2":               "Resource type not valid in this context: stateMachine",
		a + "stateMachine::1":                  "Invalid ARN prefix: " + a + "stateMachine::1",
		a + "execution:m":                      "Resource type not valid in this context: execution",
		a + "machine:m":                        "Resource type not valid in this context: machine",
	} {
		if got, err := Parse(text); err == nil || err.Error() != "Invalid Arn: '"+want+"'" {
			t.Errorf("%s: got %+v, error %v", text, got, err)
		}
	}
	if _, err := ParseAs(a+"express:m:run:5f", Execution); err == nil || err.Error() != "Invalid Arn: 'Resource type not valid in this context: express'" {
		t.Errorf("an express execution for another: %v", err)
	}
	if _, err := ParseAs("x", Execution); err == nil || err.Error() != "Invalid Arn: 'Invalid ARN prefix: x'" {
		t.Errorf("no ARN: %v", err)
	}
	if n, err := ParseAs(a+"activity:a", Machine, Activity); err != nil || n.Base != "a" {
		t.Errorf("one of two types: %+v, %v", n, err)
	}
}

func TestARNsAreMade(t *testing.T) {
	m := Of("cn-north-1", "1", Machine, "m")
	if m.String() != "arn:aws-cn:states:cn-north-1:1:stateMachine:m" || m.Qualified("3").String() != "arn:aws-cn:states:cn-north-1:1:stateMachine:m:3" {
		t.Errorf("got %s and %s", m, m.Qualified("3"))
	}
	if !m.In("cn-north-1", "1") || m.In("cn-north-1", "2") || m.In("us-east-1", "1") {
		t.Error("a name is of another account or region")
	}
}

func TestVersions(t *testing.T) {
	for text, want := range map[string]int64{"1": 1, "10": 10, "999999999999999999": 999999999999999999, "": 0, "0": 0, "01": 0, "1a": 0, "-1": 0, "PROD": 0, "9999999999999999999": 0, "١": 0} {
		if n, ok := Version(text); n != want || ok != (want != 0) {
			t.Errorf("%q: got %d, %v", text, n, ok)
		}
	}
}

func TestNames(t *testing.T) {
	for _, s := range []string{"a", "a.b", "a-b_C9", "größe", "名前", "!'()+=@", "\u00a1", "\U0010fffe"} {
		if !IsName(s) {
			t.Errorf("%q is refused", s)
		}
	}
	bad := []string{"\u2003", "\u00a0", "\u0085", "\uffff", "\ufffe", "\U0010ffff", "\xff"}
	for _, r := range " \t\n<>{}[]?*\"#%\\^|~`$&,;:/\x00\x1f\x7f" {
		bad = append(bad, string(r))
	}
	for r := rune(0x80); r <= 0x9f; r++ {
		bad = append(bad, string(r))
	}
	for _, s := range bad {
		if s = fmt.Sprintf("a%sb", s); IsName(s) {
			t.Errorf("%q is taken", s)
		}
	}
}
