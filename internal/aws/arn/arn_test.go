package arn_test

import (
	"strings"
	"testing"

	"heddle/internal/aws/arn"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		s    string
		want arn.ARN
	}{
		{"arn:aws:swf:us-east-1:123456789012:/domain/d", arn.ARN{"aws", "swf", "us-east-1", "123456789012", "/domain/d"}},
		{"arn:aws:iam::123456789012:user/a/b", arn.ARN{"aws", "iam", "", "123456789012", "user/a/b"}},
		{"arn:aws:states:us-east-1:1:execution:m:e", arn.ARN{"aws", "states", "us-east-1", "1", "execution:m:e"}},
		{"arn:aws-cn:s3:::b", arn.ARN{"aws-cn", "s3", "", "", "b"}},
	} {
		got, err := arn.Parse(c.s)
		if err != nil || got != c.want {
			t.Errorf("%s: %+v, %v", c.s, got, err)
		}
		if got.String() != c.s {
			t.Errorf("%s came back as %s", c.s, got)
		}
	}
	for _, s := range []string{"", "*", "arn", "arn:", "arn:aws:swf:r:a", "arn::swf:r:a:x", "arn:aws::r:a:x", "arn:aws:swf:r:a:", "ARN:aws:swf:r:a:x", "xarn:aws:swf:r:a:x"} {
		if got, err := arn.Parse(s); err == nil || !strings.Contains(err.Error(), "parse ARN") {
			t.Errorf("%q: %+v, %v", s, got, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("arn:aws:swf:us-east-1:123456789012:/domain/d")
	f.Add("arn:a:b:::c:d")
	f.Fuzz(func(t *testing.T, s string) {
		if a, err := arn.Parse(s); err == nil && a.String() != s {
			t.Errorf("%q came back as %q", s, a)
		}
	})
}

func TestPartition(t *testing.T) {
	for region, want := range map[string]string{
		"us-east-1": "aws", "eu-central-1": "aws", "eu-isolde-1": "aws", "us-gov": "aws", "us-isoc-west-1": "aws", "mars-1": "aws", "": "aws", "xcn-north-1": "aws",
		"cn-north-1": "aws-cn", "cn-northwest-1": "aws-cn", "us-gov-west-1": "aws-us-gov", "us-gov-east-1": "aws-us-gov",
		"us-iso-east-1": "aws-iso", "us-iso-west-1": "aws-iso", "us-isob-east-1": "aws-iso-b", "eu-isoe-west-1": "aws-iso-e",
		"us-isof-south-1": "aws-iso-f", "us-isof-east-1": "aws-iso-f", "eusc-de-east-1": "aws-eusc",
	} {
		if got := arn.Partition(region); got != want {
			t.Errorf("%q is in %s, want %s", region, got, want)
		}
		of := arn.Of("swf", region, "123456789012", "/domain/d")
		if want := "arn:" + want + ":swf:" + region + ":123456789012:/domain/d"; of.String() != want {
			t.Errorf("%s, want %s", of, want)
		}
	}
}
