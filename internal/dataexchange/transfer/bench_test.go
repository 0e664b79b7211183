package transfer

import (
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"heddle/internal/aws/s3client"
	"heddle/internal/blob"
	blobdir "heddle/internal/blob/dir"
	"heddle/internal/bucket"
	"heddle/internal/bucket/buckettest"
	"heddle/internal/bucket/dir"
	"heddle/internal/bucket/s3"
)

const benchBytes = 256 << 20

// s3Of is an S3 that has one object, and keeps nothing of what it is sent.
func s3Of(b *testing.B, object string) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		switch {
		case r.Method == "GET":
			w.Header().Set("ETag", `"e"`)
			http.ServeFile(w, r, object)
		case r.Method == "POST" && q.Has("uploads"):
			_, _ = io.WriteString(w, "<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>")
		case r.Method == "PUT":
			n, _ := io.Copy(io.Discard, r.Body)
			w.Header().Set("ETag", fmt.Sprintf(`"%x"`, md5.Sum([]byte(strconv.FormatInt(n, 10)))))
		default:
			_, _ = io.WriteString(w, `<CompleteMultipartUploadResult><ETag>"x"</ETag></CompleteMultipartUploadResult>`)
		}
	}))
	b.Cleanup(server.Close)
	return server.URL
}

func keys(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "secret"}, nil
}

// Benchmark moves 256 MiB: from S3 and from a folder into blobs in a folder, and back, and
// for comparison by the bare client of S3 to and from a file, or by a copy of the file.
func Benchmark(b *testing.B) {
	object := filepath.Join(b.TempDir(), "object")
	if err := os.WriteFile(object, buckettest.Data(1, benchBytes), 0o600); err != nil {
		b.Fatal(err)
	}
	url := s3Of(b, object)
	now := func() time.Time { return time.Unix(1, 0) }
	room := bucket.NewRoom(bucket.RoomBytesDefault)
	inS3, err := s3.New(s3.Options{Endpoint: url, Region: "r", Room: room, Within: context.WithTimeout, Credentials: aws.CredentialsProviderFunc(keys)})
	if err != nil {
		b.Fatal(err)
	}
	root := b.TempDir()
	if err := os.Mkdir(filepath.Join(root, buckettest.Things), 0o700); err != nil {
		b.Fatal(err)
	}
	if err := os.Link(object, filepath.Join(root, buckettest.Things, "object")); err != nil {
		b.Fatal(err)
	}
	inDir, err := dir.Open(dir.Options{Dir: root, Now: now})
	if err != nil {
		b.Fatal(err)
	}
	shelf, err := blobdir.Open(blobdir.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	l := blob.New(blob.Options{Shelf: blob.Seal(shelf, [32]byte{2}), Key: [32]byte{1}, Now: now})
	a, err := Import(b.Context(), inDir, buckettest.Things, "object", room, l, benchBytes, nil)
	if err != nil {
		b.Fatal(err)
	}
	client, err := s3client.New(s3client.Options{Endpoint: url, Region: "r", PathStyle: true, Credentials: aws.CredentialsProviderFunc(keys)})
	if err != nil {
		b.Fatal(err)
	}
	imports := func(from bucket.Store) func(*testing.B) error {
		return func(b *testing.B) error {
			_, err := Import(b.Context(), from, buckettest.Things, "object", room, l, benchBytes, nil)
			return err
		}
	}
	exports := func(to bucket.Store) func(*testing.B) error {
		return func(b *testing.B) error {
			_, err := Export(b.Context(), l, &a, to, Destination{Bucket: buckettest.Things, Key: "to"}, Progress{})
			return err
		}
	}
	get := func(b *testing.B) error { return bareGet(b, client) }
	put := func(b *testing.B) error { return barePut(b, client, object) }
	cp := func(b *testing.B) error {
		f, err := os.Open(object)
		if err != nil {
			return err
		}
		return errors.Join(copyTo(b, f), f.Close())
	}
	inTurns(b, "import/s3", imports(inS3), get)
	inTurns(b, "import/folder", imports(inDir), cp)
	inTurns(b, "export/s3", exports(inS3), put)
	inTurns(b, "export/folder", exports(inDir), cp)
}

// inTurns measures what moves the bytes, and beside it, turn by turn, what moves them by the
// least that does: what others do on the machine meets both. The metric of-bare is the median
// of how much of the bare one's speed is reached.
func inTurns(b *testing.B, name string, moves, bare func(*testing.B) error) {
	b.Run(name, func(b *testing.B) {
		b.SetBytes(benchBytes)
		took := func(move func(*testing.B) error) float64 {
			runtime.GC()
			began := time.Now()
			if err := move(b); err != nil {
				b.Fatal(err)
			}
			return time.Since(began).Seconds()
		}
		var shares []float64
		for b.Loop() {
			t := took(moves)
			b.StopTimer()
			shares = append(shares, took(bare)/t)
			b.StartTimer()
		}
		slices.Sort(shares)
		b.ReportMetric(shares[len(shares)/2], "of-bare")
	})
}

func copyTo(b *testing.B, r io.Reader) error {
	f, err := os.Create(filepath.Join(b.TempDir(), "copy"))
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Sync(), f.Close())
}

func bareGet(b *testing.B, client *awss3.Client) error {
	out, err := client.GetObject(b.Context(), &awss3.GetObjectInput{Bucket: aws.String(buckettest.Things), Key: aws.String("object")})
	if err != nil {
		return err
	}
	return errors.Join(copyTo(b, out.Body), out.Body.Close())
}

func barePut(b *testing.B, client *awss3.Client, object string) error {
	name, key := aws.String(buckettest.Things), aws.String("object")
	f, err := os.Open(object)
	if err != nil {
		return err
	}
	defer f.Close()
	made, err := client.CreateMultipartUpload(b.Context(), &awss3.CreateMultipartUploadInput{Bucket: name, Key: key})
	if err != nil {
		return err
	}
	for at := int64(0); at < benchBytes; at += 8 << 20 {
		if _, err := client.UploadPart(b.Context(), &awss3.UploadPartInput{
			Bucket: name, Key: key, UploadId: made.UploadId, PartNumber: aws.Int32(int32(at>>23) + 1), Body: io.NewSectionReader(f, at, 8<<20),
		}); err != nil {
			return err
		}
	}
	_, err = client.CompleteMultipartUpload(b.Context(), &awss3.CompleteMultipartUploadInput{Bucket: name, Key: key, UploadId: made.UploadId, MultipartUpload: &types.CompletedMultipartUpload{}})
	return err
}
