// Package buckettest is the conformance suite of bucket.Store. What it does not test is
// not promised.
package buckettest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"heddle/internal/bucket"
)

// Names of buckets.
const (
	Things = "things"   // it is there, and empty
	None   = "none-yet" // it is not
)

// Tested is a kind of store.
type Tested struct {
	// Open gives a store with the bucket Things. What is called again gives the store of a
	// later process over the same objects.
	Open func(t *testing.T) (store bucket.Store, again func() bucket.Store)
	// PartBytes is the size above which a Put saves its progress.
	PartBytes int64
	// Plain: what answers knows only keys of plain names, and tells of no encryption.
	Plain bool
}

// Data gives n bytes that look random; equal seeds give equal ones.
func Data(seed uint64, n int64) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}).Read(b)
	return b
}

// Run tests a kind of store.
func Run(t *testing.T, tested Tested) {
	for _, test := range []struct {
		name string
		run  func(*house)
	}{
		{"RoundTrip", roundTrip},
		{"Ranges", ranges},
		{"Absent", absent},
		{"Names", names},
		{"Keys", keys},
		{"FoldersAndObjects", foldersAndObjects},
		{"List", list},
		{"Replace", replace},
		{"Delete", deleted},
		{"WrongSize", wrongSize},
		{"Ended", ended},
		{"Resume", resume},
		{"Abort", abort},
		{"SaveFails", saveFails},
		{"Together", together},
	} {
		t.Run(test.name, func(t *testing.T) {
			store, again := tested.Open(t)
			test.run(&house{t, tested, store, again})
		})
	}
}

type house struct {
	*testing.T
	tested Tested
	bucket.Store
	again func() bucket.Store
}

func (h *house) put(key string, b []byte) bucket.Object {
	h.Helper()
	o, err := h.Put(h.Context(), &bucket.Put{Bucket: Things, Key: key, Source: bucket.Bytes(b), Size: int64(len(b))})
	if err != nil {
		h.Fatalf("put %q: %v", key, err)
	}
	return o
}

func (h *house) get(key string, r bucket.Range) (bucket.Object, []byte, error) {
	o, reader, err := h.Get(h.Context(), Things, key, r)
	if err != nil {
		return o, nil, err
	}
	b, err := io.ReadAll(reader)
	return o, b, errors.Join(err, reader.Close())
}

func (h *house) want(key string, b []byte) {
	h.Helper()
	if o, got, err := h.get(key, bucket.Range{}); err != nil || !bytes.Equal(got, b) || o.Size != int64(len(b)) {
		h.Errorf("%q: %d bytes, %d said, %v; want %d", key, len(got), o.Size, err, len(b))
	}
}

func (h *house) wantKind(what string, err, kind error) {
	h.Helper()
	if refusal := (*bucket.Error)(nil); !errors.Is(err, kind) || !errors.As(err, &refusal) {
		h.Errorf("%s: %v, want it to be: %v", what, err, kind)
	} else if refusal.Code == "" || refusal.Message == "" || refusal.Status < 400 || refusal.Operation == "" {
		h.Errorf("%s: %#v does not say what happened", what, refusal)
	}
}

func (h *house) listed(prefix, after string) (all []bucket.Object) {
	h.Helper()
	if err := h.List(h.Context(), Things, prefix, after, func(o bucket.Object) bool { all = append(all, o); return true }); err != nil {
		h.Fatalf("list %q after %q: %v", prefix, after, err)
	}
	return all
}

func (h *house) keys(prefix, after string) (all []string) {
	h.Helper()
	for _, o := range h.listed(prefix, after) {
		all = append(all, o.Key)
	}
	return all
}

func roundTrip(h *house) {
	part := h.tested.PartBytes
	for i, size := range []int64{0, 1, part - 1, part, part + 1, 3*part + 5} {
		for _, encryption := range []bucket.Encryption{{}, {Type: bucket.AES256}, {Type: bucket.KMS, KeyARN: "arn:aws:kms:eu-west-1:123456789012:key/1"}} {
			key, b := fmt.Sprintf("round/trip-%d", size), Data(uint64(i), size)
			p := &bucket.Put{Bucket: Things, Key: key, Source: bucket.Bytes(b), Size: size, Encryption: encryption, ContentType: "text/plain; charset=utf-8"}
			o, err := h.Put(h.Context(), p)
			if err != nil {
				h.Fatal(err)
			}
			h.want(key, b)
			head, err := h.Head(h.Context(), Things, key)
			if err != nil {
				h.Fatal(err)
			}
			got, _, err := h.get(key, bucket.Range{})
			if err != nil || got != head {
				h.Errorf("get says %+v, %v, head %+v", got, err, head)
			}
			if h.tested.Plain {
				head.Encryption = encryption
			}
			if head.LastModified.IsZero() {
				h.Errorf("no time: %+v", head)
			}
			o.LastModified = head.LastModified // it need not be known so soon
			if o != head || head.Key != key || head.Size != size || head.Encryption != encryption || head.ContentType != p.ContentType || head.StorageClass != "STANDARD" {
				h.Errorf("put says %+v, head %+v", o, head)
			}
			if len(head.ETag) < 3 || head.ETag[0] != '"' || head.ETag[len(head.ETag)-1] != '"' {
				h.Errorf("ETag %s", head.ETag)
			}
			all := h.listed(key, "")
			if len(all) != 1 || all[0].ETag != o.ETag || all[0].Size != size || all[0].StorageClass != "STANDARD" || all[0].LastModified.Sub(head.LastModified).Abs() > 5*time.Second {
				h.Errorf("listed %+v, want %+v", all, head)
			}
		}
	}
	if o := h.put("no type", nil); o.ContentType != bucket.DefaultContentType {
		h.Errorf("content type %q", o.ContentType)
	}
}

func ranges(h *house) {
	b := Data(1, 1000)
	etag := h.put("k", b).ETag
	for _, r := range []bucket.Range{{}, {Offset: 1}, {Offset: 999}, {Offset: 1000}, {Offset: 5000}, {Length: 1}, {Length: 1000}, {Length: 5000}, {Offset: 500, Length: 20}, {Offset: 999, Length: 2}, {Offset: 1000, Length: 1}} {
		for _, match := range []string{"", etag} {
			r.IfMatch = match
			want := b[min(r.Offset, 1000):]
			if r.Length > 0 {
				want = want[:min(r.Length, int64(len(want)))]
			}
			if o, got, err := h.get("k", r); err != nil || !bytes.Equal(got, want) || o.Size != 1000 || o.ETag != etag {
				h.Errorf("%+v: %d bytes of %+v, %v; want %d", r, len(got), o, err, len(want))
			}
		}
		r.IfMatch = `"00000000000000000000000000000000"`
		_, _, err := h.get("k", r)
		h.wantKind(fmt.Sprintf("%+v", r), err, bucket.ErrChanged)
	}
	h.put("empty", nil)
	for _, r := range []bucket.Range{{}, {Length: 10}, {Offset: 1}} {
		if o, got, err := h.get("empty", r); err != nil || len(got) != 0 || o.Size != 0 {
			h.Errorf("%+v of nothing: %d bytes, %v", r, len(got), err)
		}
	}
}

func absent(h *house) {
	h.put("folder/k", []byte("x"))
	for _, key := range []string{"k", "folder", "folder/", "folder/k/more", "folder/k/"} {
		_, err := h.Head(h.Context(), Things, key)
		h.wantKind("head "+key, err, bucket.ErrNoSuchKey)
		_, _, err = h.get(key, bucket.Range{})
		h.wantKind("get "+key, err, bucket.ErrNoSuchKey)
		if err := h.Delete(h.Context(), Things, key); err != nil {
			h.Errorf("delete %s: %v", key, err)
		}
	}
	h.want("folder/k", []byte("x"))
	_, err := h.Head(h.Context(), None, "k")
	h.wantKind("head", err, bucket.ErrNoSuchBucket)
	_, _, err = h.Get(h.Context(), None, "k", bucket.Range{})
	h.wantKind("get", err, bucket.ErrNoSuchBucket)
	h.wantKind("list", h.List(h.Context(), None, "", "", func(bucket.Object) bool { return true }), bucket.ErrNoSuchBucket)
	h.wantKind("delete", h.Delete(h.Context(), None, "k"), bucket.ErrNoSuchBucket)
	for _, size := range []int64{1, h.tested.PartBytes + 1} {
		_, err = h.Put(h.Context(), &bucket.Put{Bucket: None, Key: "k", Source: bucket.Bytes(Data(1, size)), Size: size, Save: func(context.Context, []byte) error { return nil }})
		h.wantKind("put", err, bucket.ErrNoSuchBucket)
	}
}

func names(h *house) {
	all := func(name, key string, kind error) {
		_, err := h.Head(h.Context(), name, key)
		h.wantKind("head "+name, err, kind)
		_, _, err = h.Get(h.Context(), name, key, bucket.Range{})
		h.wantKind("get "+name, err, kind)
		_, err = h.Put(h.Context(), &bucket.Put{Bucket: name, Key: key, Source: bucket.Bytes("x"), Size: 1})
		h.wantKind("put "+name, err, kind)
		h.wantKind("delete "+name, h.Delete(h.Context(), name, key), kind)
	}
	for _, name := range []string{"", "x", ".", "..", "../things", "Things", "th/ings", "things/..", "arn:aws:s3:::things", "things--x-s3", "10.0.0.1", "%heddle", "@123456789012", "th\x00ings"} {
		all(name, "k", bucket.ErrNoSuchBucket)
		h.wantKind("list "+name, h.List(h.Context(), name, "", "", func(bucket.Object) bool { return true }), bucket.ErrNoSuchBucket)
	}
	for _, key := range []string{"", "\xff", strings.Repeat("k", bucket.KeyBytesMax+1)} {
		all(Things, key, bucket.ErrRefused)
	}
	if all := h.keys("", ""); len(all) != 0 {
		h.Errorf("made %q", all)
	}
}

// hostile are keys that are no names of files, would leave a folder, or are easily taken
// for one another.
var hostile = []string{
	"..", ".", "../x", "../../etc/passwd", "/", "//", "///", "/x", "x/", "x//", "x//y", "x/./y", "x/../y", "./x", ".hidden",
	"a\\b", "a:b", "a*b?", "a\x01b", "a\nb", "a\x7fb", "a b", " a", "a ", "a+b", "a&b<c>\"d'", "100%", "%41", "%2F", "%2E%2E", "%-", "%+", "%f", "%%", "%heddle", "%heddle/x", "%heddle/about/00",
	"é", "e\u0301", "日本語/ファイル", "😀", "A", "a", "con", "nul.txt",
	strings.Repeat("n", 255), strings.Repeat("n", 256), strings.Repeat("n", 256) + "/x", strings.Repeat("n", bucket.KeyBytesMax), strings.Repeat("%", bucket.KeyBytesMax),
	strings.Repeat("é", 512), strings.Repeat("/", bucket.KeyBytesMax), strings.Repeat("../", 341), strings.Repeat("n", 240), strings.Repeat("n", 241),
	"a\x00b", "\x00", "2026-03-01T12:00:00.000Z/data.csv",
}

func keys(h *house) {
	all := slices.Clone(hostile)
	if h.tested.Plain {
		all = slices.DeleteFunc(all, func(key string) bool {
			return strings.ContainsAny(key, "\x00\x01\x7f\n") || strings.Contains(key, "//") || strings.HasPrefix(key, "/") || slices.ContainsFunc(strings.Split(key, "/"), func(s string) bool { return s == "." || s == ".." })
		})
	}
	for round := range 2 {
		for i, key := range all {
			h.put(key, []byte(fmt.Sprint(round, i)))
		}
		for i, key := range all {
			h.want(key, []byte(fmt.Sprint(round, i)))
		}
	}
	slices.Sort(all)
	if got := h.keys("", ""); !slices.Equal(got, all) {
		h.Errorf("listed\n%q, want\n%q", got, all)
	}
	for i := 0; i < len(all); i += 9 { // deep ones take their time
		key := all[i]
		if got := h.keys("", key); !slices.Equal(got, all[i+1:]) {
			h.Errorf("listed after %q\n%q, want\n%q", key, got, all[i+1:])
		}
		var want []string
		for _, k := range all {
			if strings.HasPrefix(k, key) {
				want = append(want, k)
			}
		}
		if got := h.keys(key, ""); !slices.Equal(got, want) {
			h.Errorf("listed under %q\n%q, want\n%q", key, got, want)
		}
	}
	for _, key := range all {
		if err := h.Delete(h.Context(), Things, key); err != nil {
			h.Errorf("delete %q: %v", key, err)
		}
		if _, err := h.Head(h.Context(), Things, key); !errors.Is(err, bucket.ErrNoSuchKey) {
			h.Errorf("%q after it was deleted: %v", key, err)
		}
	}
	if got := h.keys("", ""); len(got) != 0 {
		h.Errorf("left: %q", got)
	}
}

// foldersAndObjects has keys that are folders of other keys, put and deleted in all orders.
func foldersAndObjects(h *house) {
	all := []string{"a", "a/b", "a/b/c", "a-b", "a.b"}
	random := rand.New(rand.NewPCG(1, 2))
	there := map[string]string{}
	for i := range 200 {
		key := all[random.IntN(len(all))]
		if random.IntN(3) > 0 {
			there[key] = fmt.Sprint(i)
			h.put(key, []byte(there[key]))
		} else {
			delete(there, key)
			if err := h.Delete(h.Context(), Things, key); err != nil {
				h.Fatal(err)
			}
		}
		var want []string
		for _, key := range all {
			if text, found := there[key]; found {
				want = append(want, key)
				h.want(key, []byte(text))
			} else if _, err := h.Head(h.Context(), Things, key); !errors.Is(err, bucket.ErrNoSuchKey) {
				h.Fatalf("%q is not there: %v", key, err)
			}
		}
		slices.Sort(want)
		if got := h.keys("", ""); !slices.Equal(got, want) {
			h.Fatalf("listed %q, want %q", got, want)
		}
	}
}

func list(h *house) {
	var all []string
	for i := range 60 {
		for _, key := range []string{fmt.Sprintf("x/%d/y", i), fmt.Sprintf("x/%d-y", i), fmt.Sprintf("z%d", i)} {
			h.put(key, nil)
			all = append(all, key)
		}
	}
	slices.Sort(all)
	after := ""
	var got []string
	for { // seven at a time
		n := 0
		if err := h.List(h.Context(), Things, "", after, func(o bucket.Object) bool {
			got = append(got, o.Key)
			after = o.Key
			n++
			return n < 7
		}); err != nil {
			h.Fatal(err)
		}
		if n < 7 {
			break
		}
	}
	if !slices.Equal(got, all) {
		h.Errorf("listed\n%q, want\n%q", got, all)
	}
	for _, prefix := range []string{"x", "x/", "x/1", "x/1/", "x/1/y", "x/1/yz", "z", "zz", "y"} {
		for _, after := range []string{"", "x/1", "x/1/y", "x/10", "x/2.", "z", "~"} {
			var want []string
			for _, key := range all {
				if strings.HasPrefix(key, prefix) && key > after {
					want = append(want, key)
				}
			}
			if got := h.keys(prefix, after); !slices.Equal(got, want) {
				h.Errorf("listed under %q after %q\n%q, want\n%q", prefix, after, got, want)
			}
		}
	}
}

func replace(h *house) {
	first := h.put("k", []byte("first"))
	_, old, err := h.Get(h.Context(), Things, "k", bucket.Range{IfMatch: first.ETag})
	if err != nil {
		h.Fatal(err)
	}
	second, err := h.Put(h.Context(), &bucket.Put{Bucket: Things, Key: "k", Source: bucket.Bytes("second"), Size: 6, ContentType: "text/csv"})
	if err != nil {
		h.Fatal(err)
	}
	if second.ETag == first.ETag {
		h.Errorf("both have the ETag %s", first.ETag)
	}
	if b, err := io.ReadAll(old); err == nil && string(b) != "first" {
		h.Errorf("who reads it meanwhile has %q", b)
	}
	_ = old.Close()
	if o, b, err := h.get("k", bucket.Range{}); err != nil || string(b) != "second" || o.ContentType != "text/csv" || o.ETag != second.ETag {
		h.Errorf("%q of %+v, %v", b, o, err)
	}
	if len(h.listed("", "")) != 1 {
		h.Error("listed twice")
	}
}

func deleted(h *house) {
	h.put("folder/k", []byte("x"))
	for range 2 {
		if err := h.Delete(h.Context(), Things, "folder/k"); err != nil {
			h.Fatal(err)
		}
	}
	if _, err := h.Head(h.Context(), Things, "folder/k"); !errors.Is(err, bucket.ErrNoSuchKey) {
		h.Errorf("deleted: %v", err)
	}
	h.put("folder", []byte("y")) // where the folder was
	h.want("folder", []byte("y"))
	if o, err := h.Head(h.Context(), Things, "folder"); err != nil || o.ContentType != bucket.DefaultContentType {
		h.Errorf("%+v, %v", o, err)
	}
}

// odd is a source that ends by an error.
type odd struct {
	bytes []byte
	err   error
	opens *[]int64
}

func (o odd) Open(_ context.Context, offset int64) (io.ReadCloser, error) {
	if o.opens != nil {
		*o.opens = append(*o.opens, offset)
	}
	return io.NopCloser(io.MultiReader(bytes.NewReader(o.bytes[min(offset, int64(len(o.bytes))):]), failing{o.err})), nil
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func wrongSize(h *house) {
	broken := errors.New("the bytes are not what they should be")
	for _, size := range []int64{0, 10, h.tested.PartBytes, h.tested.PartBytes + 1, 2*h.tested.PartBytes + 1} {
		key := fmt.Sprint("k", size)
		h.put(key, []byte("as it was"))
		for _, source := range []odd{{bytes: Data(1, size+1), err: io.EOF}, {bytes: Data(1, max(size-1, 0)), err: io.EOF}, {bytes: Data(1, size), err: broken}} {
			if size == 0 && len(source.bytes) == 0 && source.err == io.EOF {
				continue // that is right
			}
			_, err := h.Put(h.Context(), &bucket.Put{Bucket: Things, Key: key, Source: source, Size: size})
			if source.err == broken {
				if !errors.Is(err, broken) {
					h.Errorf("a broken source of %d bytes: %v", size, err)
				}
			} else {
				h.wantKind(fmt.Sprintf("%d bytes for %d", len(source.bytes), size), err, bucket.ErrRefused)
			}
			h.want(key, []byte("as it was"))
		}
	}
}

func ended(h *house) {
	h.put("k", []byte("x"))
	ctx, cancel := context.WithCancel(h.Context())
	cancel()
	_, head := h.Head(ctx, Things, "k")
	_, _, get := h.Get(ctx, Things, "k", bucket.Range{})
	_, put := h.Put(ctx, &bucket.Put{Bucket: Things, Key: "k", Source: bucket.Bytes("y"), Size: 1})
	list := h.List(ctx, Things, "", "", func(bucket.Object) bool { return true })
	for i, err := range []error{head, get, put, list, h.Delete(ctx, Things, "k")} {
		if !errors.Is(err, context.Canceled) || errors.Is(err, bucket.ErrTemporary) {
			h.Errorf("call %d after its context had ended: %v", i, err)
		}
	}
	h.want("k", []byte("x"))
	// In the midst.
	size := 4 * h.tested.PartBytes
	ctx, cancel = context.WithCancel(h.Context())
	if _, err := h.Put(ctx, &bucket.Put{Bucket: Things, Key: "k", Source: bucket.Bytes(Data(1, size)), Size: size, Sent: func(int64) { cancel() }}); !errors.Is(err, context.Canceled) {
		h.Errorf("ended in the midst: %v", err)
	}
	h.want("k", []byte("x"))
}

// resume has a Put fail again and again, and go on in a later process.
func resume(h *house) {
	const parts = 12
	part := h.tested.PartBytes
	b := Data(1, parts*part+5)
	lost := errors.New("the power went")
	var saved []byte
	var opens []int64
	for _, reach := range []int64{part / 2, 3*part + 7, 3*part + 8, 7 * part, parts*part + 4, parts*part + 5} {
		source := odd{b[:reach], lost, &opens}
		if reach == parts*part+5 {
			source.err = io.EOF
		}
		var mu sync.Mutex
		sent := int64(0)
		o, err := h.Put(h.Context(), &bucket.Put{
			Bucket: Things, Key: "large", Source: source, Size: int64(len(b)), ContentType: "text/csv", Progress: saved,
			Save: func(_ context.Context, progress []byte) error { saved = progress; return nil },
			Sent: func(n int64) { mu.Lock(); sent += n; mu.Unlock() },
		})
		if len(saved) > 1024 {
			h.Errorf("progress of %d bytes", len(saved))
		}
		if source.err == io.EOF {
			if err != nil || o.Size != int64(len(b)) || sent != o.Size {
				h.Fatalf("at last: %+v, %v, told of %d bytes", o, err, sent)
			}
			break
		}
		if !errors.Is(err, lost) {
			h.Fatalf("a source that ends at %d: %v", reach, err)
		}
		if _, err := h.Head(h.Context(), Things, "large"); !errors.Is(err, bucket.ErrNoSuchKey) {
			h.Fatalf("it is there before all is: %v", err)
		}
		if got := h.keys("", ""); len(got) != 0 {
			h.Fatalf("listed %q", got)
		}
		h.Store = h.again()
	}
	h.want("large", b)
	if last := opens[len(opens)-1]; last < 7*part {
		h.Errorf("opened at %d; what was sent was read again", opens)
	}
	// Its caller did not hear of it, and puts it again.
	h.Store = h.again()
	if _, err := h.Put(h.Context(), &bucket.Put{Bucket: Things, Key: "large", Source: bucket.Bytes(b), Size: int64(len(b)), ContentType: "text/csv", Progress: saved, Save: func(context.Context, []byte) error { return nil }}); err != nil {
		h.Errorf("once more: %v", err)
	}
	h.want("large", b)
}

func abort(h *house) {
	size := 3 * h.tested.PartBytes
	b := Data(1, size)
	lost := errors.New("the power went")
	var saved []byte
	save := func(_ context.Context, progress []byte) error { saved = progress; return nil }
	if _, err := h.Put(h.Context(), &bucket.Put{Bucket: Things, Key: "k", Source: odd{bytes: b[:size-1], err: lost}, Size: size, Save: save}); !errors.Is(err, lost) || len(saved) == 0 {
		h.Fatalf("%v, saved %q", err, saved)
	}
	for range 2 {
		if err := h.Abort(h.Context(), Things, "k", saved); err != nil {
			h.Fatal(err)
		}
	}
	for _, progress := range [][]byte{nil, []byte("nonsense"), {0}, bytes.Repeat([]byte{255}, 100)} {
		if err := h.Abort(h.Context(), Things, "k", progress); err != nil {
			h.Errorf("abort of %q: %v", progress, err)
		}
	}
	// What was aborted begins anew; so does what can't be read, or is of another size.
	for _, progress := range [][]byte{saved, []byte("nonsense"), bytes.Repeat([]byte{255}, 100)} {
		if _, err := h.Put(h.Context(), &bucket.Put{Bucket: Things, Key: "k", Source: bucket.Bytes(b), Size: size, Progress: progress, Save: save}); err != nil {
			h.Errorf("put that goes on from %q: %v", progress, err)
		}
		h.want("k", b)
		if err := h.Delete(h.Context(), Things, "k"); err != nil {
			h.Fatal(err)
		}
	}
	if _, err := h.Put(h.Context(), &bucket.Put{Bucket: Things, Key: "k", Source: odd{bytes: b[:size-1], err: lost}, Size: size, Save: save}); !errors.Is(err, lost) {
		h.Fatal(err)
	}
	other := Data(2, size+h.tested.PartBytes)
	if _, err := h.Put(h.Context(), &bucket.Put{Bucket: Things, Key: "k", Source: bucket.Bytes(other), Size: int64(len(other)), Progress: saved, Save: save}); err != nil {
		h.Error(err)
	}
	h.want("k", other)
}

func saveFails(h *house) {
	size := 3 * h.tested.PartBytes
	full := errors.New("no room")
	if _, err := h.Put(h.Context(), &bucket.Put{Bucket: Things, Key: "k", Source: bucket.Bytes(Data(1, size)), Size: size, Save: func(context.Context, []byte) error { return full }}); !errors.Is(err, full) {
		h.Errorf("put: %v", err)
	}
	if _, err := h.Head(h.Context(), Things, "k"); !errors.Is(err, bucket.ErrNoSuchKey) {
		h.Errorf("it was made: %v", err)
	}
}

// together has many put, read and delete a few keys at the same time. Whoever reads has
// one of the objects that were put, whole.
func together(h *house) {
	contents := map[string]bool{}
	var bodies [][]byte
	for i := range 4 {
		b := bytes.Repeat([]byte{byte('a' + i)}, 100*(i+1))
		bodies = append(bodies, b)
		contents[string(b)] = true
	}
	keys := []string{"a", "a/b", "a/b/c", "d"}
	var all sync.WaitGroup
	for worker := range 6 {
		all.Go(func() {
			random := rand.New(rand.NewPCG(uint64(worker), 1))
			for range 40 {
				key := keys[random.IntN(len(keys))]
				switch random.IntN(4) {
				case 0:
					if err := h.Delete(h.Context(), Things, key); err != nil {
						h.Errorf("delete: %v", err)
					}
				case 1:
					if _, b, err := h.get(key, bucket.Range{}); err != nil && !errors.Is(err, bucket.ErrNoSuchKey) || err == nil && !contents[string(b)] {
						h.Errorf("get: %d bytes, %v", len(b), err)
					}
				case 2:
					if err := h.List(h.Context(), Things, "", "", func(o bucket.Object) bool {
						if o.Size%100 != 0 || o.Size == 0 {
							h.Errorf("listed %+v", o)
						}
						return true
					}); err != nil {
						h.Errorf("list: %v", err)
					}
				default:
					b := bodies[random.IntN(len(bodies))]
					if _, err := h.Put(h.Context(), &bucket.Put{Bucket: Things, Key: key, Source: bucket.Bytes(b), Size: int64(len(b))}); err != nil {
						h.Errorf("put: %v", err)
					}
				}
			}
		})
	}
	all.Wait()
}
