package tracing

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestRead: the headers of W3C and X-Ray, and what is none.
func TestRead(t *testing.T) {
	const xray, w3c = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1", "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01"
	for header, off := range map[string]bool{
		xray: false, w3c: false, "  " + w3c + " ": false, "cc-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-00-what-ever": true,
		"Sampled=0; Self=1-x; Parent=53995c3f42cd8ad8; Root=1-5759e988-bd862e3fe1be46a994272793": true,
	} {
		c, ok := Read(header)
		if !ok || c.Off != off || c.XRay(c.Parent) != strings.Replace(xray, "Sampled=1", map[bool]string{true: "Sampled=0", false: "Sampled=1"}[off], 1) ||
			c.W3C(c.Parent)[:53] != w3c[:53] {
			t.Errorf("%q: %+v, %v", header, c, ok)
		}
		if again, ok := Read(c.W3C(c.Parent)); !ok || again != c {
			t.Errorf("%q is read back as %+v", header, again)
		}
	}
	if c, ok := Read("Root=1-5759e988-bd862e3fe1be46a994272793"); !ok || c.Parent != [8]byte{} {
		t.Errorf("without a parent: %+v, %v", c, ok)
	}
	for _, header := range []string{
		"", "Root", "Root=1-5759e988", "Root=2-5759e988-bd862e3fe1be46a994272793", "Root=1-5759e98-8bd862e3fe1be46a994272793", "Root=1-00000000-000000000000000000000000",
		"ff-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01", "00-5759E988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01", "00-5759e988bd862e3fe1be46a994272793-0000000000000000-01",
		"00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8", "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-zz",
	} {
		if c, ok := Read(header); ok {
			t.Errorf("%q is read as %+v", header, c)
		}
		if own := Of(header, [16]byte{1}, 1_700_000_000_000); own.Trace == [16]byte{} || own.Off || own.Parent != [8]byte{} {
			t.Errorf("%q: the run's own is %+v", header, own)
		}
	}
}

// TestAppend: a span is JSON whatever its texts, cut between characters.
func TestAppend(t *testing.T) {
	s := Span{Name: strings.Repeat("ä", 200), Failed: true, Message: "\x01\"" + strings.Repeat("日", 600), From: 5, To: 3, Started: 4, Attributes: []string{"a", "", "b", "1", "c", ""}}
	var got struct {
		Name       string
		End        string `json:"endTimeUnixNano"`
		Attributes []struct{ Key string }
		Events     []struct{ TimeUnixNano string }
		Status     struct {
			Code    int
			Message string
		}
	}
	if err := json.Unmarshal(s.Append(nil), &got); err != nil {
		t.Fatal(err)
	}
	if got.Name != strings.Repeat("ä", 128) || len(got.Attributes) != 1 || got.Attributes[0].Key != "b" || got.End != "5000000" || got.Events[0].TimeUnixNano != "4000000" ||
		got.Status.Code != 2 || strings.Contains(got.Status.Message, "\ufffd") || len(got.Status.Message) > messageMax {
		t.Errorf("%+v", got)
	}
}

// TestIDs: ids follow from run and number, and no two are the same.
func TestIDs(t *testing.T) {
	seen := map[[8]byte]bool{}
	for run := range byte(20) {
		for n := range int64(50) {
			id := ID([16]byte{run}, n)
			if seen[id] || id != ID([16]byte{run}, n) {
				t.Errorf("the id of %d %d", run, n)
			}
			seen[id] = true
		}
	}
}
