package policy_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"heddle/internal/aws/policy"
)

// context is "key=value" for each value.
func context(pairs ...string) policy.Context {
	var c policy.Context
	for _, p := range pairs {
		key, value, _ := strings.Cut(p, "=")
		c = append(c, policy.Value{Key: key, Value: value})
	}
	return c
}

func must(t testing.TB, document string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse([]byte(document))
	if err != nil {
		t.Fatalf("%s: %v", document, err)
	}
	return p
}

// holds tells whether a condition holds in a statement that allows everything.
func holds(t *testing.T, version, operator, key, values string, c policy.Context) bool {
	t.Helper()
	name, _ := json.Marshal(key)
	p := must(t, fmt.Sprintf(`{"Version":%q,"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{%q:{%s:%s}}}}`,
		version, operator, name, values))
	return policy.Evaluate(&policy.Request{Action: "a:B", Resource: "*", Context: c},
		&policy.PolicySets{Identity: []policy.Attached{{Policy: p}}}).Allowed
}

func TestConditions(t *testing.T) {
	for _, c := range []struct {
		operator, values string
		yes, no          []string // values of the request's key, split at |
	}{
		{"StringEquals", `"a"`, []string{"a", "b|a"}, []string{"A", "", "aa", "b|c"}},
		{"StringEquals", `["a","b"]`, []string{"a", "b"}, []string{"c", "a,b"}},
		{"StringEquals", `"a*"`, []string{"a*"}, []string{"ab", "a"}},
		{"StringEquals", `5`, []string{"5"}, []string{"5.0"}},
		{"StringEquals", `true`, []string{"true"}, []string{"True"}},
		{"StringNotEquals", `["a","b"]`, []string{"c", "c|d"}, []string{"a", "b", "c|a"}},
		{"StringEqualsIgnoreCase", `"Straße"`, []string{"straße", "STRAßE", "STRAẞE"}, []string{"STRASSE", "straß"}},
		{"StringNotEqualsIgnoreCase", `"ab"`, []string{"b"}, []string{"AB", "aB"}},
		{"StringLike", `"a*c?e"`, []string{"acde", "abbcde", "accde", "a*c?e", "abcöe"}, []string{"ace", "Acde", "acdef", "abcdde", "xacde"}},
		{"StringLike", `"*"`, []string{"", "a"}, nil},
		{"StringLike", `"?"`, []string{"a", "ö"}, []string{"", "ab"}},
		{"StringLike", `"**b*"`, []string{"b", "ab", "abc"}, []string{"", "a"}},
		{"StringLike", `"*ab*ab*c"`, []string{"ababc", "xabababxc", "ababcabc"}, []string{"abc", "abab", "ababcx"}},
		{"StringNotLike", `["a*","b*"]`, []string{"c", ""}, []string{"a", "bb"}},

		{"NumericEquals", `10`, []string{"10", "10.0", "1e1", "+10"}, []string{"11", "ten", "", "1 0"}},
		{"NumericEquals", `"9007199254740993"`, []string{"9007199254740993"}, []string{"9007199254740992"}},
		{"NumericNotEquals", `"10"`, []string{"11", "ten"}, []string{"10"}},
		{"NumericLessThan", `"2.5"`, []string{"2", "-7", "2.4999"}, []string{"2.5", "3", "NaN", "-Inf", "0x1"}},
		{"NumericLessThanEquals", `2.5`, []string{"2.5"}, []string{"2.51"}},
		{"NumericGreaterThan", `2`, []string{"2.1", "3"}, []string{"2", "1"}},
		{"NumericGreaterThanEquals", `[2, 9]`, []string{"2", "5"}, []string{"1"}},

		{"DateEquals", `"2026-01-02T03:04:05Z"`, []string{"2026-01-02T03:04:05Z", "2026-01-02T04:04:05+01:00", "1767323045", "2026-01-02T03:04:05.000Z"}, []string{"2026-01-02", "soon"}},
		{"DateEquals", `"2026"`, []string{"2026-01", "2026-01-01", "2026-01-01T00:00Z"}, []string{"2026-01-01T00:00:01Z"}},
		{"DateNotEquals", `"2026-01-02"`, []string{"2026-01-03"}, []string{"2026-01-02T00:00:00Z"}},
		{"DateLessThan", `"2026-01-02"`, []string{"2026-01-01T23:59:59.999Z", "-1", "0"}, []string{"2026-01-02", "x"}},
		{"DateLessThanEquals", `"2026-01-02"`, []string{"2026-01-02"}, []string{"2026-01-02T00:00:00.001Z"}},
		{"DateGreaterThan", `1767323045`, []string{"2026-01-02T03:04:06Z"}, []string{"2026-01-02T03:04:05Z"}},
		{"DateGreaterThanEquals", `"2026-01-02T03:04:05Z"`, []string{"1767323045"}, []string{"1767323044"}},

		{"Bool", `true`, []string{"true", "True"}, []string{"false", "", "1"}},
		{"Bool", `"false"`, []string{"false"}, []string{"true"}},
		{"BinaryEquals", `"QmluYXI="`, []string{"QmluYXI="}, []string{"qmluyxi=", "Binar"}},

		{"IpAddress", `"203.0.113.0/24"`, []string{"203.0.113.9", "::ffff:203.0.113.9"}, []string{"203.0.114.9", "::1", "nowhere", ""}},
		{"IpAddress", `["203.0.113.9","2001:db8::/32"]`, []string{"203.0.113.9", "2001:db8:1::5", "2001:0DB8::5"}, []string{"203.0.113.8", "2001:db9::"}},
		{"IpAddress", `"203.0.113.77/24"`, []string{"203.0.113.9"}, nil},
		{"IpAddress", `"::ffff:203.0.113.0/120"`, []string{"203.0.113.9"}, []string{"203.0.114.9"}},
		{"IpAddress", `"0.0.0.0/0"`, []string{"1.2.3.4"}, []string{"::1"}},
		{"NotIpAddress", `"203.0.113.0/24"`, []string{"203.0.114.9", "::1", "nowhere"}, []string{"203.0.113.9"}},

		{"ArnEquals", `"arn:aws:sns:*:1*:a?"`, []string{"arn:aws:sns:r:12:ab", "arn:aws:sns::1:a:"}, []string{"arn:aws:sns:r:12:x:ab", "arn:aws:sns:r:12:a", "arn:aws:sqs:r:12:ab", "ab", ""}},
		{"ArnLike", `"arn:aws:*:*:*:*"`, []string{"arn:aws:sns:r:a:x:y"}, []string{"arn:aws-cn:sns:r:a:x"}},
		{"ArnLike", `"arn:aws:sns:*"`, []string{"arn:aws:sns:r:a:x"}, []string{"arn:aws:sqs:r:a:x"}},
		{"ArnLike", `"*"`, []string{"arn:aws:sns:r:a:x"}, nil},
		{"ArnNotEquals", `"arn:aws:sns:r:a:x"`, []string{"arn:aws:sns:r:a:y"}, []string{"arn:aws:sns:r:a:x"}},
		{"ArnNotLike", `"arn:aws:sns:r:a:x*"`, []string{"arn:aws:sns:r:a:y"}, []string{"arn:aws:sns:r:a:xy"}},

		{"ForAllValues:StringEquals", `["a","b"]`, []string{"a", "a|b", "b|b"}, []string{"c", "a|c"}},
		{"ForAllValues:StringNotEquals", `["a","b"]`, []string{"c", "c|d"}, []string{"a", "c|b"}},
		{"ForAnyValue:StringLike", `["a*","b"]`, []string{"ax", "c|b"}, []string{"c", "c|d"}},
		{"ForAnyValue:StringNotLike", `["a*","b"]`, []string{"c", "ax|c"}, []string{"ax", "b|a"}},
		{"ForAllValues:NumericLessThan", `5`, []string{"1|2"}, []string{"1|5"}},

		{"Null", `"true"`, nil, []string{"a", ""}},
		{"Null", `false`, []string{"a", ""}, nil},
	} {
		for want, list := range map[bool][]string{true: c.yes, false: c.no} {
			for _, given := range list {
				var pairs []string
				for v := range strings.SplitSeq(given, "|") {
					pairs = append(pairs, "X:Key="+v)
				}
				for _, operator := range []string{c.operator, c.operator + "IfExists"} {
					if strings.HasPrefix(operator, "NullIf") {
						continue
					}
					if got := holds(t, "2012-10-17", operator, "x:key", c.values, context(append(pairs, "y:other=o")...)); got != want {
						t.Errorf("%s %s with %q: %v", operator, c.values, given, got)
					}
				}
			}
		}
	}
}

func TestAbsentKey(t *testing.T) {
	for operator, want := range map[string]bool{
		"StringEquals": false, "StringLike": false, "NumericLessThan": false, "DateEquals": false, "Bool": false,
		"BinaryEquals": false, "IpAddress": false, "ArnLike": false, "ForAnyValue:StringEquals": false,
		"StringNotEquals": true, "StringNotLike": true, "StringNotEqualsIgnoreCase": true, "NumericNotEquals": true,
		"DateNotEquals": true, "NotIpAddress": true, "ArnNotEquals": true, "ArnNotLike": true,
		"ForAllValues:StringEquals": true, "ForAllValues:StringNotEquals": true, "ForAnyValue:StringNotEquals": false,
		"StringEqualsIfExists": true, "NumericLessThanIfExists": true, "NotIpAddressIfExists": true,
		"ForAnyValue:StringEqualsIfExists": true, "ForAllValues:StringEqualsIfExists": true,
		"Null": true,
	} {
		value := `"2026"`
		switch {
		case strings.Contains(operator, "Ip"):
			value = `"1.2.3.4"`
		case strings.Contains(operator, "Arn"):
			value = `"arn:aws:sns:r:a:x"`
		case operator == "Bool", operator == "Null":
			value = "true"
		}
		if got := holds(t, "2012-10-17", operator, "x:key", value, context("y:other=2026")); got != want {
			t.Errorf("%s: %v", operator, got)
		}
	}
}

func TestVariables(t *testing.T) {
	c := context("aws:username=an*", "aws:PrincipalTag/team=blue", "aws:TagKeys=a", "aws:TagKeys=b", "aws:empty=", "aws:brace=}",
		"x:same=an*", "x:other=ann", "x:blue=blue-1", "x:star=*", "x:literal=${aws:username}", "x:default=no, team", "x:arn=arn:aws:iam::1:user/an*",
		"aws:arn=arn:aws:iam::1:user/an*", "x:dollar=$5 ?", "x:odd=a}b", "x:empty=")
	for _, v := range []struct {
		version, operator, key, value string
		want                          bool
	}{
		{"2012-10-17", "StringEquals", "x:same", "${aws:username}", true},
		{"2012-10-17", "StringEquals", "x:same", "${AWS:UserName}", true},
		{"2012-10-17", "StringLike", "x:same", "${aws:username}", true},
		{"2012-10-17", "StringLike", "x:other", "${aws:username}", false}, // a value's * is no wildcard
		{"2012-10-17", "StringLike", "x:blue", "${aws:PrincipalTag/team}-?", true},
		{"2012-10-17", "StringLike", "x:blue", "${aws:PrincipalTag/team}${*}", false},
		{"2012-10-17", "StringLike", "x:star", "${*}", true},
		{"2012-10-17", "StringEquals", "x:star", "${*}", true},
		{"2012-10-17", "StringLike", "x:other", "${*}", false},
		{"2012-10-17", "StringLike", "x:dollar", "${$}* ${?}", true},
		{"2012-10-17", "StringEquals", "x:dollar", "$5 ?", true},
		{"2008-10-17", "StringEquals", "x:same", "${aws:username}", false},
		{"2008-10-17", "StringEquals", "x:literal", "${aws:username}", true},
		{"2012-10-17", "StringEquals", "x:literal", "${$}{aws:username}", true},
		{"2012-10-17", "StringEquals", "x:default", "${aws:none, 'no, team'}", true},
		{"2012-10-17", "StringEquals", "x:blue", "${aws:PrincipalTag/team,'red'}-1", true},
		{"2012-10-17", "StringEquals", "x:odd", "a${aws:none, '}'}b", true},
		{"2012-10-17", "StringLike", "x:other", "${aws:none, '*'}", false},
		{"2012-10-17", "StringEquals", "x:empty", "${aws:none, ''}", true},
		{"2012-10-17", "StringEquals", "x:empty", "${aws:empty}", true},
		{"2012-10-17", "StringEquals", "x:empty", "${aws:none}", false},
		{"2012-10-17", "StringLike", "x:empty", "${aws:none}*", false},
		{"2012-10-17", "StringNotEquals", "x:empty", "${aws:none}", true},
		{"2012-10-17", "StringEquals", "x:other", "${aws:TagKeys}", false}, // has two values
		{"2012-10-17", "StringNotEqualsIgnoreCase", "x:blue", "${aws:PrincipalTag/TEAM}-1", false},
		{"2012-10-17", "ArnEquals", "x:arn", "arn:aws:iam::1:user/${aws:username}", true},
		{"2012-10-17", "ArnEquals", "x:arn", "${aws:arn}", true},
		{"2012-10-17", "ArnEquals", "x:arn", "${aws:none}", false},
	} {
		value, _ := json.Marshal(v.value)
		if got := holds(t, v.version, v.operator, v.key, string(value), c); got != v.want {
			t.Errorf("%s %s %s %s: %v", v.version, v.operator, v.key, v.value, got)
		}
	}
}

// TestTwinsOfTags: who adds a tag whose key differs from another's in case alone is not
// let in by it, and does not get round what denies.
func TestTwinsOfTags(t *testing.T) {
	const other = `"zoe"`
	for _, operator := range []string{"StringEquals", "StringLike", "StringEqualsIgnoreCase", "ForAnyValue:StringEquals", "ForAllValues:StringEquals", "StringEqualsIfExists"} {
		opposite := strings.Replace(operator, "String", "StringNot", 1)
		for _, prefix := range []string{"aws:ResourceTag/", "aws:RequestTag/", "aws:PrincipalTag/", "iam:ResourceTag/"} {
			for _, twins := range [][]string{{"owner", "ann", "Owner", "bob"}, {"Owner", "bob", "owner", "ann"}, {"owner", "ann", "owner", "bob"}} {
				c := context(prefix+twins[0]+"="+twins[1], strings.ToUpper(prefix)+twins[2]+"="+twins[3])
				for _, asked := range []string{operator, opposite} {
					for _, value := range []string{`"ann"`, `"bob"`, other} {
						statement := func(effect string) string {
							return `{"Effect":"` + effect + `","Action":"*","Resource":"*","Condition":{"` + asked + `":{"` + prefix + `owner":` + value + `}}}`
						}
						r := policy.Request{Action: "a:b", Resource: "*", Context: c}
						allowed := policy.Evaluate(&r, &policy.PolicySets{Identity: set(t, `{"Version":"2012-10-17","Statement":`+statement("Allow")+`}`)}).Allowed
						denied := !policy.Evaluate(&r, &policy.PolicySets{Identity: set(t, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},`+statement("Deny")+`]}`)}).Allowed
						of := value != other // one of the two has it
						if asked == operator && (allowed || denied != of) || asked == opposite && (allowed == of || !denied) {
							t.Errorf("%s %s %s of %v: allowed %v, denied %v", asked, prefix, value, twins, allowed, denied)
						}
					}
				}
			}
		}
	}
}
