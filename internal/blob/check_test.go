package blob_test

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"

	"heddle/internal/blob"
	"heddle/internal/blob/blobtest"
)

func references(ids ...blob.ID) iter.Seq2[blob.ID, error] {
	return func(yield func(blob.ID, error) bool) {
		for _, id := range ids {
			if !yield(id, nil) {
				return
			}
		}
	}
}

func TestCheck(t *testing.T) {
	memory := new(blob.Memory)
	l := library(memory, blobtest.NewClock())
	var ids []blob.ID
	for i := range 6 {
		ref, err := l.Put(t.Context(), bytes.NewReader([]byte{byte(i)}))
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, ref.ID)
	}
	slices.SortFunc(ids, blob.ID.Compare)
	check := func(contents bool, refs iter.Seq2[blob.ID, error]) (blob.Checked, []string, error) {
		var told []string
		found, err := blob.Check(t.Context(), l, refs, blob.CheckOptions{Contents: contents, Tell: func(id blob.ID, err error) {
			what := "broken"
			if errors.Is(err, blob.ErrNotFound) {
				what = "missing"
			}
			told = append(told, fmt.Sprintf("%d %s", slices.Index(ids, id), what))
		}})
		return found, told, err
	}
	for _, c := range []struct {
		name string
		refs []blob.ID
		want blob.Checked
	}{
		{"all", ids, blob.Checked{References: 6, Blobs: 6, Bytes: 6}},
		{"none", nil, blob.Checked{Blobs: 6, Bytes: 6, Unreferenced: 6, UnreferencedBytes: 6}},
		{"some, again and again", []blob.ID{ids[1], ids[1], ids[1], ids[4], ids[4]}, blob.Checked{References: 2, Blobs: 6, Bytes: 6, Unreferenced: 4, UnreferencedBytes: 4}},
	} {
		if found, told, err := check(true, references(c.refs...)); found != c.want || told != nil || err != nil {
			t.Errorf("%s: %+v, %v, %v", c.name, found, told, err)
		}
	}
	if err := errors.Join(l.Delete(t.Context(), ids[0]), l.Delete(t.Context(), ids[3]), l.Delete(t.Context(), ids[5])); err != nil {
		t.Fatal(err)
	}
	memory.Change(ids[2], func([]byte) []byte { return []byte("x") })
	memory.Change(ids[4], func([]byte) []byte { return []byte("y") })
	refs := references(ids[0], ids[1], ids[2], ids[3], ids[5], ids[5])
	want := blob.Checked{References: 5, Blobs: 3, Bytes: 3, Unreferenced: 1, UnreferencedBytes: 1, Missing: 3}
	if found, told, err := check(false, refs); found != want || fmt.Sprint(told) != "[0 missing 3 missing 5 missing]" || err != nil {
		t.Errorf("without contents: %+v, %v, %v", found, told, err)
	}
	want.Broken = 1
	if found, told, err := check(true, refs); found != want || fmt.Sprint(told) != "[0 missing 2 broken 3 missing 5 missing]" || err != nil {
		t.Errorf("with contents: %+v, %v, %v", found, told, err)
	}

	if _, _, err := check(false, references(ids[3], ids[1])); err == nil {
		t.Error("took references out of order")
	}
	failing := func(yield func(blob.ID, error) bool) { _ = yield(ids[1], nil) && yield(blob.ID{}, errInjected) }
	if _, _, err := check(false, failing); !errors.Is(err, errInjected) {
		t.Errorf("references fail: %v", err)
	}
	for _, step := range []blob.Step{blob.StepList, blob.StepOpen, blob.StepRead} {
		memory.Fail(func(s blob.Step) error {
			if s == step {
				return errInjected
			}
			return nil
		})
		if _, _, err := check(true, references(ids[1])); !errors.Is(err, errInjected) {
			t.Errorf("%s fails: %v", step, err)
		}
	}
}
