package main

import (
	"maps"
	"regexp"
	"testing"
	"time"
)

func testNames() *names {
	return newNames("111122223333", "eu-west-1", time.Date(2026, 11, 28, 22, 51, 7, 0, time.FixedZone("", 3600)))
}

func TestFill(t *testing.T) {
	n := testNames()
	n.bound["exec1"] = "e-1"
	for _, c := range []struct{ text, want string }{
		{"plain", "plain"},
		{"arn:@{region}:@{account}:@{exec1}", "arn:eu-west-1:111122223333:e-1"},
		{"@{now}Z", "2026-11-28T21:51:07Z"},
		{"@{now+60}.00Z", "2026-11-28T21:52:07.00Z"},
	} {
		if got, err := n.fill(c.text); got != c.want || err != nil {
			t.Errorf("%q: got %q, %v, want %q", c.text, got, err, c.want)
		}
	}
	if got, err := n.fill("@{exec2}"); err == nil {
		t.Errorf("a placeholder that nothing bound became %q", got)
	}
	first, _ := n.fill("@{u1}")
	again, _ := n.fill("@{u1}")
	other, _ := n.fill("@{u2}")
	if !regexp.MustCompile(`^[a-z0-9]{8}$`).MatchString(first) || first != again || first == other {
		t.Errorf("got %q, then %q, and %q for another", first, again, other)
	}
	filled, err := n.fillAll(map[string]any{"@{exec1}": []any{"@{exec1}", true, nil}})
	if got := show(filled); err != nil || got != `{"e-1":["e-1",true,null]}` {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestMatch(t *testing.T) {
	const someUUID = "0b1c2d3e-0000-4000-8000-0123456789ab"
	for _, c := range []struct {
		recorded, text string
		fits           bool
		binds          map[string]string
	}{
		{"a", "a", true, nil},
		{"a", "b", false, nil},
		{"", "", true, nil},
		{"", "x", false, nil},
		{"@{account}", "111122223333", true, nil},
		{"@{account}", "1", false, nil},
		{"@{known}!", "k!", true, nil},
		{"@{known}!", "j!", false, nil},
		{"@{new}", "any thing", true, map[string]string{"new": "any thing"}},
		{"@{new}", "", false, nil},
		{"x@{new}", "x", false, nil},
		{"@{a}/@{b}", "1/2/3", true, map[string]string{"a": "1", "b": "2/3"}}, // the shortest first
		{"@{a}/@{b}/", "1/2/3/", true, map[string]string{"a": "1", "b": "2/3"}},
		{"@{a}/@{a}", "1/1", true, map[string]string{"a": "1"}},
		{"@{a}/@{a}", "1/1/1", false, nil},
		{"@{a}/@{a}", "1/2/1/2", true, map[string]string{"a": "1/2"}}, // the shortest that fits
		{"@{a}-@{b}", "1", false, nil},
		{"(@{any})", "()", true, nil},
		{"(@{any})@{a}", "(x)y)z", true, map[string]string{"a": "y)z"}},
		{"@{uuid}", someUUID, true, nil},
		{"id @{uuid}.", "id " + someUUID + ".", true, nil},
		{"@{uuid}", "0B1C2D3E-0000-4000-8000-0123456789AB", false, nil},
		{"@{uuid}", someUUID + "0", false, nil},
		{"@{uuid}", "x" + someUUID, false, nil},
		{"@{time}", "2024-03-17T11:09:25.123Z", true, nil},
		{"@{time}", "2024-03-17T11:09:25+01:00", true, nil},
		{"@{time}", "yesterday", false, nil},
		{"@{time}", "1710673765", false, nil}, // a text, where a number was
		{`{"at":@{time},"by":"@{a}"}`, `{"at":1.710673765123E9,"by":"me"}`, true, map[string]string{"a": "me"}},
		{"at @{time}.", "at 1710673765.123.", true, nil},
		{"at @{time} by @{a}", "at 2024-03-17T11:09Z by me", true, map[string]string{"a": "me"}},
	} {
		n := testNames()
		n.bound["known"] = "k"
		want := map[string]string{"known": "k"}
		maps.Copy(want, c.binds)
		if fits := n.match(c.recorded, c.text); fits != c.fits || !maps.Equal(n.bound, want) {
			t.Errorf("%q and %q: got %t and %v, want %t and %v", c.recorded, c.text, fits, n.bound, c.fits, want)
		}
	}
}
