package itemreader

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"heddle/internal/bucket"
)

// watched is a store that counts what is read of it, and whose open objects can be cut off.
type watched struct {
	bucket.Store
	gets, bytes, open int
	cut               bool
}

func (w *watched) Get(ctx context.Context, in, key string, r bucket.Range) (bucket.Object, io.ReadCloser, error) {
	w.gets++
	w.cut = false
	o, body, err := w.Store.Get(ctx, in, key, r)
	if err == nil {
		w.open++
		body = &watchedBody{w, body}
	}
	return o, body, err
}

type watchedBody struct {
	w *watched
	io.ReadCloser
}

func (b *watchedBody) Read(p []byte) (int, error) {
	if b.w.cut {
		return 0, &bucket.Error{Kind: bucket.ErrTemporary}
	}
	n, err := b.ReadCloser.Read(p)
	b.w.bytes += n
	return n, err
}

func (b *watchedBody) Close() error {
	b.w.open--
	return b.ReadCloser.Close()
}

// lines is a text of many lines that are hard to compress, and the items in it.
func lines(n int) (text string, items []string) {
	var b bytes.Buffer
	random := uint64(1)
	for range n {
		item := `"`
		for range 4 {
			random = random*6364136223846793005 + 1442695040888963407
			item += fmt.Sprintf("%016x", random)
		}
		items = append(items, item+`"`)
		b.WriteString(item + "\"\n")
	}
	return b.String(), items
}

// TestStreams: of what is compressed each byte is read once, whoever reads beside; as long as there
// are no more than there is room for, and none is cut off. Then it is read again from its beginning.
func TestStreams(t *testing.T) {
	text, want := lines(2600)
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, err := z.Write([]byte(text))
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		readers, cutAfter int // parts
		once              bool
	}{{1, 0, true}, {streamsMax, 0, true}, {streamsMax + 1, 0, false}, {1, 2, false}} {
		store := &watched{Store: put(t, map[string]string{"k.gz": zipped.String()})}
		streams := &Streams{}
		read := make([][]string, c.readers)
		at := make([][]byte, c.readers)
		parts, open := 0, c.readers
		for done := make([]bool, c.readers); open > 0; {
			for i := range done {
				if done[i] {
					continue
				}
				r := &Reader{Store: store, Streams: streams, Of: fmt.Sprint(i), May: anybody, Bucket: "bucket", Key: "k.gz", InputType: "JSONL"}
				// Each part is a call of its own, whose context ends.
				ctx, end := context.WithCancel(t.Context())
				part, err := r.Next(ctx, at[i], 800)
				end()
				if err != nil {
					t.Fatal(err)
				}
				read[i], at[i] = append(read[i], part.Items...), part.Position
				if parts++; parts == c.cutAfter {
					store.cut = true
				}
				if part.Done {
					done[i] = true
					open--
				}
			}
			if n := len(streams.all); n > streamsMax {
				t.Fatalf("%d streams", n)
			}
		}
		for i := range read {
			if !slices.Equal(read[i], want) {
				t.Errorf("%+v: reader %d read %d items of %d, or others", c, i, len(read[i]), len(want))
			}
		}
		if c.once != (store.gets == c.readers && store.bytes <= c.readers*zipped.Len()) {
			t.Errorf("%+v: %d times opened, %d bytes of %d", c, store.gets, store.bytes, zipped.Len())
		}
		if c.cutAfter > 0 && store.gets != 2 {
			t.Errorf("what was cut off was opened %d times", store.gets)
		}
		if store.open != 0 {
			t.Errorf("%+v: %d are open in the end", c, store.open)
		}
	}
}

// TestStreamsEnd: what nobody reads on is closed with all others; and one whose reader may no longer
// read it.
func TestStreamsEnd(t *testing.T) {
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, err := z.Write([]byte("1\n2\n3\n"))
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	store, streams, no := &watched{Store: put(t, map[string]string{"k.gz": zipped.String()})}, &Streams{}, errors.New("no")
	r := &Reader{Store: store, Streams: streams, Of: "x", May: anybody, Bucket: "bucket", Key: "k.gz", InputType: "JSONL"}
	part, err := r.Next(t.Context(), nil, 1)
	if err != nil || store.open != 1 {
		t.Fatalf("%v, %d are open", err, store.open)
	}
	r.May = func(context.Context, string, string, string) error { return no }
	if _, err := r.Next(t.Context(), part.Position, 1); !errors.Is(err, no) || store.open != 0 {
		t.Errorf("%v, %d are open", err, store.open)
	}
	r.May = anybody
	if _, err := r.Next(t.Context(), part.Position, 1); err != nil || store.open != 1 {
		t.Errorf("%v, %d are open", err, store.open)
	}
	if streams.Close(); store.open != 0 {
		t.Errorf("%d are open in the end", store.open)
	}
}
