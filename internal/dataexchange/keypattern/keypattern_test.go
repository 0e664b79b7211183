package keypattern

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

var revision = Revision{
	DataSetID: "0123456789abcdef0123456789abcdef", DataSetName: "Weather", ID: "fedcba9876543210fedcba9876543210",
	CreatedAt: time.Date(2021, 10, 8, 23, 33, 19, 787_999_999, time.FixedZone("", -3600)), // the 9th in UTC
}

func TestKeys(t *testing.T) {
	asset := Asset{ID: "aaaabbbbccccddddaaaabbbbccccdddd", Name: "dir/data.csv"}
	for pattern, want := range map[string]string{
		"${Asset.Name}":                            "dir/data.csv",
		"${Asset.Id}":                              asset.ID,
		DefaultOfEventAction:                       "2021-10-09T00:33:19.787Z/dir/data.csv",
		"a/${Asset.Name}.bak":                      "a/dir/data.csv.bak",
		"${DataSet.Id}/${Revision.Id}/${Asset.Id}": revision.DataSetID + "/" + revision.ID + "/" + asset.ID,
		"${DataSet.Name} ${Asset.Id}":              "Weather " + asset.ID,
		"${Revision.CreatedAt.Year}/${Revision.CreatedAt.Month}/${Revision.CreatedAt.Day}/${Asset.Id}": "2021/10/09/" + asset.ID,
		"${Asset.Name}${Asset.Name}":   "dir/data.csvdir/data.csv",
		"$${Asset.Id}":                 "$" + asset.ID,
		"${Asset.Id}}":                 asset.ID + "}",
		"}{$ $ {Asset.Id} ${Asset.Id}": "}{$ $ {Asset.Id} " + asset.ID,
		"${Asset.Id}$":                 asset.ID + "$",
		"//../${Asset.Id}/":            "//../" + asset.ID + "/",
		"日本語/${Asset.Id}":              "日本語/" + asset.ID,
	} {
		p, err := Parse(pattern)
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
			continue
		}
		if got, err := p.Key(&revision, &asset); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", pattern, got, err, want)
		}
		if got, want := p.NamesDataSet(), strings.Contains(pattern, "DataSet.Name"); got != want {
			t.Errorf("%s names the data set: %v", pattern, got)
		}
	}
	// Single digits have two.
	early := revision
	early.CreatedAt = time.Date(987, 1, 2, 3, 4, 5, 0, time.UTC)
	p, err := Parse("${Revision.CreatedAt.Year}-${Revision.CreatedAt.Month}-${Revision.CreatedAt.Day} ${Revision.CreatedAt} ${Asset.Id}")
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := p.Key(&early, &Asset{ID: "i"}); got != "0987-01-02 0987-01-02T03:04:05.000Z i" {
		t.Errorf("early: %q", got)
	}
	// What a value says is no reference.
	p, _ = Parse("${DataSet.Name}/${Asset.Name}")
	tricky := revision
	tricky.DataSetName = "${Asset.Id}"
	if got, _ := p.Key(&tricky, &Asset{ID: "i", Name: "${"}); got != "${Asset.Id}/${" {
		t.Errorf("tricky: %q", got)
	}
}

func TestRefused(t *testing.T) {
	for pattern, want := range map[string]string{
		"":                             "at least one of ${Asset.Id} and ${Asset.Name}",
		"data.csv":                     "at least one of",
		"${Revision.Id}":               "at least one of",
		"${Asset.Size}/${Asset.Id}":    "unknown dynamic reference: ${Asset.Size}",
		"${asset.id}":                  "unknown dynamic reference: ${asset.id}",
		"${ Asset.Id }":                "unknown dynamic reference: ${ Asset.Id }",
		"${}${Asset.Id}":               "unknown dynamic reference: ${}",
		"${Asset.${Asset.Id}}":         "unknown dynamic reference: ${Asset.${Asset.Id}",
		"${Revision.CreatedAt.Hour}":   "unknown dynamic reference",
		"${Asset.Id}/${Asset.Name":     "does not end: ${Asset.Name",
		"${Asset.Id}${":                "does not end: ${",
		"\xff${Asset.Id}":              "UTF-8",
		"${" + strings.Repeat("é", 99): "does not end: ${" + strings.Repeat("é", 32) + "...",
		strings.Repeat("x", KeyBytesMax) + "${Asset.Id}":           "longer than 1024 bytes",
		strings.Repeat("${Asset.Id}", patternBytesMax/10) + "${x}": "longer than",
	} {
		if _, err := Parse(pattern); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", pattern, err, want)
		}
	}
}

func TestLength(t *testing.T) {
	p, err := Parse("x${Asset.Name}${Asset.Name}")
	if err != nil {
		t.Fatal(err)
	}
	for n, ok := range map[int]bool{511: true, 512: false, 100_000: false} {
		key, err := p.Key(&revision, &Asset{ID: "i", Name: strings.Repeat("n", n)})
		if (err == nil) != ok || ok && len(key) != 1+2*n {
			t.Errorf("a name of %d: %d, %v", n, len(key), err)
		}
	}
	p, _ = Parse("${Asset.Name}")
	if _, err := p.Key(&revision, &Asset{ID: "i"}); err == nil || !strings.Contains(err.Error(), "empty") {
		t.Errorf("empty: %v", err)
	}
	// The name counts in bytes.
	if _, err := p.Key(&revision, &Asset{ID: "i", Name: strings.Repeat("é", 513)}); err == nil {
		t.Error("took 1026 bytes")
	}
}

// assets are n of them, whose names repeat after some.
func assets(n, names int) iter.Seq[Asset] {
	return func(yield func(Asset) bool) {
		for i := range n {
			if !yield(Asset{ID: fmt.Sprintf("%032x", i), Name: fmt.Sprintf("data-%d", i%names)}) {
				return
			}
		}
	}
}

func TestCollisions(t *testing.T) {
	const n = 10_000
	byName, err := Parse("${Asset.Name}")
	if err != nil {
		t.Fatal(err)
	}
	byID, err := Parse("${Asset.Id}")
	if err != nil {
		t.Fatal(err)
	}
	if err := byName.Check(&revision, assets(n, n)); err != nil {
		t.Error(err)
	}
	if err := byID.Check(&revision, assets(n, 1)); err != nil {
		t.Error(err)
	}
	err = byName.Check(&revision, assets(n, n-1))
	if want := fmt.Sprintf("The assets %032x and %032x have the same key: data-0", 0, n-1); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	// Of different parts one key can come.
	both, _ := Parse("${Asset.Name}${Asset.Id}")
	if err := both.Check(&revision, slices.Values([]Asset{{ID: "bc", Name: "a"}, {ID: "c", Name: "ab"}})); err == nil {
		t.Error("took two assets with one key")
	}
	if err := byName.Check(&revision, slices.Values([]Asset{{ID: "i", Name: "n"}, {ID: "j"}})); err == nil || !strings.Contains(err.Error(), "empty") {
		t.Errorf("empty: %v", err)
	}
}

// FuzzPattern compares with another way to expand: one reference after the other is
// replaced by a text that no pattern has.
func FuzzPattern(f *testing.F) {
	for _, seed := range []string{DefaultOfJob, DefaultOfEventAction, "${DataSet.Id}$${DataSet.Name}}${Revision.Id}${Asset.Id}", "${Revision.CreatedAt.Year}${Revision.CreatedAt.Month}${Revision.CreatedAt.Day}${Asset.Name", "${", "$", "${x}"} {
		f.Add(seed, "name", "id", int64(1633710799787))
	}
	f.Fuzz(func(t *testing.T, text, name, id string, created int64) {
		p, err := Parse(text)
		if err != nil {
			if err.Error() == "" || !utf8.ValidString(err.Error()) && utf8.ValidString(text) {
				t.Errorf("%q: %q", text, err)
			}
			return
		}
		r := revision
		r.CreatedAt = time.UnixMilli(created % 250_000_000_000_000)
		a := Asset{ID: id, Name: name}
		var pairs []string
		for _, ref := range references {
			pairs = append(pairs, "${"+ref.name+"}", ref.value(&r, &a))
		}
		want := strings.NewReplacer(pairs...).Replace(text)
		key, err := p.Key(&r, &a)
		if ok := len(want) > 0 && len(want) <= KeyBytesMax; (err == nil) != ok || ok && key != want {
			t.Errorf("%q: %q, %v; want %q", text, key, err, want)
		}
		if p.NamesDataSet() != strings.Contains(text, "${DataSet.Name}") {
			t.Errorf("%q names the data set: %v", text, p.NamesDataSet())
		}
	})
}
