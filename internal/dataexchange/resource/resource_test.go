package resource

import "testing"

func TestNamesAreReadAsTheyAreWritten(t *testing.T) {
	for _, text := range []string{
		"arn:aws:dataexchange:us-east-1:123456789012:data-sets/d",
		"arn:aws:dataexchange:us-east-1::data-sets/d",
		"arn:aws:dataexchange:us-east-1:123456789012:data-sets/d/revisions/r",
		"arn:aws:dataexchange:us-east-1:123456789012:data-sets/d/revisions/r/assets/a",
		"arn:aws:dataexchange:us-east-1:123456789012:jobs/j",
		"arn:aws:dataexchange:us-east-1:123456789012:event-actions/e",
		"arn:aws:dataexchange:us-east-1:123456789012:data-grants/g",
		"arn:aws-cn:dataexchange:cn-north-1:123456789012:data-grants/g",
	} {
		n, ok := Parse(text)
		if !ok || n.String() != text {
			t.Errorf("%s is read as %+v, %v", text, n, ok)
		}
	}
	a := Of("us-east-1", "123456789012", Asset, "a", "d", "r")
	if a.String() != "arn:aws:dataexchange:us-east-1:123456789012:data-sets/d/revisions/r/assets/a" || !a.In("us-east-1", "123456789012") || a.In("us-east-2", "123456789012") || a.In("us-east-1", "1") {
		t.Errorf("an asset is %s", a)
	}
}

func TestOtherTextsAreNoNames(t *testing.T) {
	for _, text := range []string{
		"", "d", "arn:aws:s3:::bucket", "arn:aws:dataexchange:us-east-1:1:", "arn:aws:dataexchange:us-east-1:1:data-sets", "arn:aws:dataexchange:us-east-1:1:data-sets/",
		"arn:aws:dataexchange:us-east-1:1:revisions/r", "arn:aws:dataexchange:us-east-1:1:data-sets/d/revisions/", "arn:aws:dataexchange:us-east-1:1:data-sets/d/jobs/r",
		"arn:aws:dataexchange:us-east-1:1:jobs/j/revisions/r", "arn:aws:dataexchange:us-east-1:1:data-sets/d/revisions/r/assets/a/b",
		"arn:aws-cn:dataexchange:us-east-1:1:jobs/j",
	} {
		if n, ok := Parse(text); ok {
			t.Errorf("%q is read as %+v", text, n)
		}
	}
}
