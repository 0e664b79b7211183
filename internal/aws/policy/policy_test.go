package policy_test

import (
	"errors"
	"strings"
	"testing"

	"heddle/internal/aws/policy"
)

// statement makes a policy of one statement.
func statement(members string) string {
	return `{"Version":"2012-10-17","Statement":[{` + members + `}]}`
}

const rest = `"Effect":"Allow","Action":"swf:*","Resource":"*"`

func TestParse(t *testing.T) {
	for _, document := range []string{
		statement(rest),
		`{"Statement":{` + rest + `}}`,
		`{"Version":"2008-10-17","Id":"x","Statement":{` + rest + `}}`,
		`{"Statement":[{"Sid":"A1",` + rest + `},{"Sid":"a1",` + rest + `},{"Sid":"",` + rest + `},{"Sid":"",` + rest + `}]}`,
		statement(`"Effect":"Deny","NotAction":["iam:*","sts:Get?"],"NotResource":["arn:aws:swf:*","arn:*:swf:*:*:/domain/*"]`),
		statement(`"Effect":"Allow","Action":"*:*","Resource":"arn:aws:iam::*:user/${aws:username}"`),
		statement(rest + `,"Condition":{}`),
		statement(rest + `,"Condition":{"StringEquals":{}}`),
		statement(rest + `,"Condition":{"StringEquals":{"a:b":["c",1,true]}}`),
		"\n" + statement(rest) + "\n",
	} {
		if _, err := policy.Parse([]byte(document)); err != nil {
			t.Errorf("%s: %v", document, err)
		}
	}
}

func TestMalformed(t *testing.T) {
	condition := func(s string) string { return statement(rest + `,"Condition":` + s) }
	for _, c := range []struct{ document, want string }{
		{``, "Syntax errors in policy. (the document ends too early at byte 0)"},
		{`{`, "Syntax errors in policy. (the document ends too early at byte 1)"},
		{`[]`, "Syntax errors in policy. (the document is no object)"},
		{`{} {}`, "Syntax errors in policy. (something follows the document at byte 2)"},
		{`{"Statement":{"Effect" "Allow"}}`, "Syntax errors in policy. (invalid character '\"' after object key at byte 23)"},
		{`{"Id":"a",}`, "Syntax errors in policy. (invalid character '}' looking for beginning of object key string at byte 10)"},
		{statement(rest) + "x", "Syntax errors in policy. (something follows the document at byte 89)"},
		{`{"Statement":` + strings.Repeat("[", 20) + strings.Repeat("]", 20) + `}`, "Syntax errors in policy. (Statement[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0] is nested too deeply)"},
		{`{"Id":"` + strings.Repeat("x", 131072) + `"}`, "Syntax errors in policy. (the document has more than 131072 bytes)"},
		{`{"Version":"2012-10-17"}`, "Syntax errors in policy. (Statement is missing or empty)"},
		{`{"Statement":[]}`, "Syntax errors in policy. (Statement is missing or empty)"},
		{`{"Statement":["x"]}`, "Syntax errors in policy. (Statement[0] is no object)"},
		{`{"Statement":null}`, "Syntax errors in policy. (Statement is no object)"},
		{`{"Version":"2012-10-18","Statement":{` + rest + `}}`, "Policy document must be version 2012-10-17 or greater. (Version is neither 2012-10-17 nor 2008-10-17)"},
		{`{"Version":20121017,"Statement":{` + rest + `}}`, "Policy document must be version 2012-10-17 or greater. (Version is neither 2012-10-17 nor 2008-10-17)"},
		{`{"Id":1,"Statement":{` + rest + `}}`, "Syntax errors in policy. (Id is not a string)"},
		{`{"statement":{` + rest + `}}`, `Syntax errors in policy. (has the unknown element "statement")`},
		{statement(rest + `,"Resourse":"*"`), `Syntax errors in policy. (Statement[0] has the unknown element "Resourse")`},
		{statement(rest + `,"Effect":"Deny"`), `Syntax errors in policy. (Statement[0] has "Effect" twice)`},
		{statement(`"Action":"swf:*","Resource":"*"`), "Syntax errors in policy. (Statement[0] has no Effect)"},
		{statement(`"Effect":"allow","Action":"swf:*","Resource":"*"`), "Syntax errors in policy. (Statement[0].Effect is neither Allow nor Deny)"},
		{statement(`"Effect":"Allow","Resource":"*"`), "Policy statement must contain actions. (Statement[0])"},
		{statement(`"Effect":"Allow","Action":[],"Resource":"*"`), "Policy statement must contain actions. (Statement[0])"},
		{statement(`"Effect":"Allow","Action":"swf:*"`), "Policy statement must contain resources. (Statement[0])"},
		{statement(rest + `,"NotAction":"swf:*"`), "Syntax errors in policy. (Statement[0] has both Action and NotAction)"},
		{statement(rest + `,"NotResource":"*"`), "Syntax errors in policy. (Statement[0] has both Resource and NotResource)"},
		{statement(rest + `,"Principal":"*"`), "Policy document should not specify a principal. (Statement[0].Principal)"},
		{statement(`"Sid":"a-b",` + rest), "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]* (Statement[0].Sid)"},
		{`{"Statement":[{"Sid":"a",` + rest + `},{"Sid":"a",` + rest + `}]}`, `Statement IDs (SID) in a single policy must be unique. (Statement[1].Sid "a" stands twice)`},
		{statement(`"Effect":"Allow","Action":"StartWorkflowExecution","Resource":"*"`), `Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc. (Statement[0].Action has "StartWorkflowExecution")`},
		{statement(`"Effect":"Allow","Action":"swf:","Resource":"*"`), `Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc. (Statement[0].Action has "swf:")`},
		{statement(`"Effect":"Allow","Action":"swf:a:b","Resource":"*"`), `Actions/Condition can contain only one colon. (Statement[0].Action has "swf:a:b")`},
		{statement(`"Effect":"Allow","Action":"s*:Start","Resource":"*"`), `Action vendors must not contain wildcards. (Statement[0].Action has "s*:Start")`},
		{statement(`"Effect":"Allow","Action":["swf:*",7],"Resource":"*"`), "Syntax errors in policy. (Statement[0].Action[1] is not a string)"},
		{statement(`"Effect":"Allow","Action":"swf:*","Resource":"domain/*"`), `Resource domain/* must be in ARN format or "*". (Statement[0].Resource)`},
		{statement(`"Effect":"Allow","Action":"swf:*","Resource":"arn:aws:swf:us-east-1:/domain/x"`), `Resource arn:aws:swf:us-east-1:/domain/x must be in ARN format or "*". (Statement[0].Resource)`},
		{statement(`"Effect":"Allow","Action":"swf:*","Resource":"arn:aws:swf:r:a:"`), `Resource arn:aws:swf:r:a: must be in ARN format or "*". (Statement[0].Resource)`},
		{statement(`"Effect":"Allow","Action":"swf:*","Resource":"${aws:arn}"`), `Resource ${aws:arn} must be in ARN format or "*". (Statement[0].Resource)`},
		{statement(`"Effect":"Allow","Action":"swf:*","Resource":"arn:aws:*"`), `Resource vendor must be fully qualified and cannot contain regexes. (Statement[0].Resource has "arn:aws:*")`},
		{statement(`"Effect":"Allow","Action":"swf:*","Resource":"arn:*"`), `Resource arn:* must be in ARN format or "*". (Statement[0].Resource)`},
		{statement(`"Effect":"Allow","Action":"swf:*","Resource":"arn:aws:s?f:r:a:/domain/x"`), `Resource vendor must be fully qualified and cannot contain regexes. (Statement[0].Resource has "arn:aws:s?f:r:a:/domain/x")`},
		{statement(`"Effect":"Allow","Action":"swf:*","Resource":"arn:aws:swf:r:a:/domain/${aws:user"`), `Syntax errors in policy. (Statement[0].Resource policy variable "${aws:user" has no closing brace)`},
		{condition(`[]`), "Syntax errors in policy. (Statement[0].Condition is no object)"},
		{condition(`{"StringEqual":{"a:b":"c"}}`), "Invalid Condition type : StringEqual. (Statement[0].Condition)"},
		{condition(`{"stringEquals":{"a:b":"c"}}`), "Invalid Condition type : stringEquals. (Statement[0].Condition)"},
		{condition(`{"NullIfExists":{"a:b":"true"}}`), "Invalid Condition type : NullIfExists. (Statement[0].Condition)"},
		{condition(`{"ForAllValues:Null":{"a:b":"true"}}`), "Invalid Condition type : ForAllValues:Null. (Statement[0].Condition)"},
		{condition(`{"ForEachValue:StringEquals":{"a:b":"true"}}`), "Invalid Condition type : ForEachValue:StringEquals. (Statement[0].Condition)"},
		{condition(`{"StringEquals":"x"}`), "Syntax errors in policy. (Statement[0].Condition.StringEquals is no object of condition keys)"},
		{condition(`{"StringEquals":{"b":"c"}}`), `Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc. (Statement[0].Condition.StringEquals has "b")`},
		{condition(`{"StringEquals":{"a:b":[]}}`), "Syntax errors in policy. (Statement[0].Condition.StringEquals.a:b has no values)"},
		{condition(`{"StringEquals":{"a:b":null}}`), "Syntax errors in policy. (Statement[0].Condition.StringEquals.a:b is neither a string nor a number nor a boolean)"},
		{condition(`{"StringEquals":{"a:b":["c",{}]}}`), "Syntax errors in policy. (Statement[0].Condition.StringEquals.a:b[1] is neither a string nor a number nor a boolean)"},
		{condition(`{"StringEquals":{"a:b":"${x}"}}`), `Syntax errors in policy. (Statement[0].Condition.StringEquals.a:b policy variable "${x}" does not name a condition key)`},
		{condition(`{"StringEquals":{"a:b":"${x:y, z}"}}`), `Syntax errors in policy. (Statement[0].Condition.StringEquals.a:b policy variable "${x:y, z}" has a default without quotes)`},
		{condition(`{"StringEquals":{"a:b":"${x:y, 'z}"}}`), `Syntax errors in policy. (Statement[0].Condition.StringEquals.a:b policy variable "${x:y, 'z}" has a default that does not end with a quote and a brace)`},
		{condition(`{"NumericEquals":{"a:b":"ten"}}`), `Syntax errors in policy. (Statement[0].Condition.NumericEquals.a:b "ten" is no number)`},
		{condition(`{"DateEquals":{"a:b":"2026-13-01"}}`), `Syntax errors in policy. (Statement[0].Condition.DateEquals.a:b "2026-13-01" is no date)`},
		{condition(`{"Bool":{"a:b":"yes"}}`), `Syntax errors in policy. (Statement[0].Condition.Bool.a:b "yes" is neither true nor false)`},
		{condition(`{"Null":{"a:b":"1"}}`), `Syntax errors in policy. (Statement[0].Condition.Null.a:b "1" is neither true nor false)`},
		{condition(`{"BinaryEquals":{"a:b":"!"}}`), `Syntax errors in policy. (Statement[0].Condition.BinaryEquals.a:b "!" is no base64)`},
		{condition(`{"IpAddress":{"a:b":"1.2.3/8"}}`), `Syntax errors in policy. (Statement[0].Condition.IpAddress.a:b "1.2.3/8" is neither an IP address nor a range of them)`},
		{condition(`{"ArnLike":{"a:b":"x"}}`), `Syntax errors in policy. (Statement[0].Condition.ArnLike.a:b "x" is no ARN)`},
	} {
		p, err := policy.Parse([]byte(c.document))
		var flaw *policy.MalformedError
		if p != nil || !errors.As(err, &flaw) || !strings.HasPrefix(err.Error(), c.want) || strings.HasSuffix(c.want, ")") && err.Error() != c.want {
			t.Errorf("%.200s\n got %v\nwant %s", c.document, err, c.want)
		}
	}
}

func TestMalformedTrust(t *testing.T) {
	const assume = `"Effect":"Allow","Action":"sts:AssumeRole"`
	for _, c := range []struct{ members, want string }{
		{assume, "Missing required field Principal (Statement[0])"},
		{assume + `,"Principal":{}`, `Syntax errors in policy. (Statement[0].Principal is neither "*" nor an object that names principals)`},
		{assume + `,"Principal":"123456789012"`, `Syntax errors in policy. (Statement[0].Principal is neither "*" nor an object that names principals)`},
		{assume + `,"Principal":{"AWS":[]}`, "Missing required field Principal (Statement[0].Principal.AWS is empty)"},
		{assume + `,"Principal":{"AWS":"ann"}`, `Invalid principal in policy: "AWS":"ann" (Statement[0].Principal.AWS)`},
		{assume + `,"Principal":{"AWS":"arn:aws:iam::123456789012:user/*"}`, `Invalid principal in policy: "AWS":"arn:aws:iam::123456789012:user/*" (Statement[0].Principal.AWS)`},
		{assume + `,"Principal":{"Service":"*"}`, `Invalid principal in policy: "Service":"*" (Statement[0].Principal.Service)`},
		{assume + `,"Principal":{"Robot":"x"}`, `Invalid principal in policy: "Robot":"x" (Statement[0].Principal.Robot)`},
		{assume + `,"Principal":"*","NotPrincipal":"*"`, "Syntax errors in policy. (Statement[0] has both Principal and NotPrincipal)"},
		{assume + `,"Principal":"*","Resource":"*"`, "Has prohibited field Resource (Statement[0].Resource)"},
		{`"Effect":"Allow","Action":"swf:*","Principal":"*"`, `AssumeRole policy may only specify STS AssumeRole actions. (Statement[0].Action has "swf:*")`},
		{`"Effect":"Allow","Action":"*","Principal":"*"`, `AssumeRole policy may only specify STS AssumeRole actions. (Statement[0].Action has "*")`},
	} {
		_, err := policy.ParseTrust([]byte(statement(c.members)))
		if err == nil || err.Error() != c.want {
			t.Errorf("%s\n got %v\nwant %s", c.members, err, c.want)
		}
	}
}
