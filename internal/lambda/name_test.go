package lambda

import (
	"testing"

	"heddle/internal/engine"
)

func TestFunctionNames(t *testing.T) {
	w := engine.World{Account: "123456789012", Region: "eu-west-1"}
	const here = "arn:aws:lambda:eu-west-1:123456789012:function:"
	for name, want := range map[string]Function{
		"f":                         {here + "f", "f", ""},
		"f:live":                    {here + "f:live", "f:live", "live"},
		"f:$LATEST":                 {here + "f:$LATEST", "f:$LATEST", "$LATEST"},
		"function":                  {here + "function", "function", ""},
		"function:f":                {here + "f", here + "f", ""},
		"function:f:live":           {here + "f:live", here + "f:live", "live"},
		"123456789012:f":            {here + "f", here + "f", ""},
		"999999999999:function:f:1": {"arn:aws:lambda:eu-west-1:999999999999:function:f:1", "arn:aws:lambda:eu-west-1:999999999999:function:f:1", "1"},
		"us-east-1:999999999999:function:f": {
			"arn:aws:lambda:us-east-1:999999999999:function:f", "arn:aws:lambda:us-east-1:999999999999:function:f", ""},
		here + "f":         {here + "f", here + "f", ""},
		here + "f:$LATEST": {here + "f:$LATEST", here + "f:$LATEST", "$LATEST"},
		"arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:f": {
			"arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:f", "arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:f", ""},
	} {
		if got, ok := FunctionOf(w, name); !ok || got != want {
			t.Errorf("%s: %+v, %v", name, got, ok)
		}
	}
	for _, name := range []string{
		"", "..", "a/b", "a b", "f:", ":f", "f:a:b", "f:$OTHER", "é", "f\n", "a.b",
		"arn:aws:lambda:eu-west-1:123456789012:f", "arn:aws:lambda:eu-west-1:function:f", "arn:aws:lambda::123456789012:function:f",
		"arn:aws:iam::123456789012:role/f", "arn:aws:lambda:eu-west-1:123456789012:function:f:a:b", "arn:aws:lambda:*:123456789012:function:f",
		"Function:f:live", "12345678901:function:f", "arn:aws-cn:lambda:eu-west-1:123456789012:function:f", "arn:aws:lambda:cn-north-1:123456789012:function:f",
	} {
		if got, ok := FunctionOf(w, name); ok {
			t.Errorf("%q: %+v", name, got)
		}
	}
}

func TestQualified(t *testing.T) {
	w := engine.World{Account: "123456789012", Region: "eu-west-1"}
	const here = "arn:aws:lambda:eu-west-1:123456789012:function:"
	for _, c := range []struct{ name, qualifier, arn, sent string }{
		{"f", "", here + "f", "f"},
		{"f", "live", here + "f:live", "f"},
		{"f:live", "", here + "f:live", "f:live"},
		{"f:live", "live", here + "f:live", "f:live"},
		{here + "f", "$LATEST", here + "f:$LATEST", here + "f"},
		{"f:live", "test", "", ""},
		{"f", "a b", "", ""},
		{"f", "a:b", "", ""},
	} {
		f, named := FunctionOf(w, c.name)
		got, ok := f.Qualified(c.qualifier)
		if !named || ok != (c.arn != "") || ok && (got.ARN != c.arn || got.Sent != c.sent) {
			t.Errorf("%s at %q: %+v, %v", c.name, c.qualifier, got, ok)
		}
	}
}

func TestFunctionNamesFollowTheRegion(t *testing.T) {
	for region, want := range map[string]string{
		"cn-north-1": "aws-cn", "us-gov-east-1": "aws-us-gov", "us-isob-east-1": "aws-iso-b", "eusc-de-east-1": "aws-eusc", "eu-west-1": "aws",
	} {
		name := "arn:" + want + ":lambda:" + region + ":123456789012:function:f"
		for _, given := range []string{"f", "function:f", name, region + ":123456789012:function:f"} {
			got, ok := FunctionOf(engine.World{Account: "123456789012", Region: region}, given)
			if !ok || got.ARN != name {
				t.Errorf("%s in %s: %+v, %v", given, region, got, ok)
			}
		}
	}
}
