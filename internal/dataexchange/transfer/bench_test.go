package transfer

import (
	"context"
	"crypto/md5"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
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
// for comparison by the bare client of S3 from and to a file, and by a copy.
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
	for name, store := range map[string]bucket.Store{"s3": inS3, "folder": inDir} {
		b.Run("import/"+name, func(b *testing.B) {
			b.SetBytes(benchBytes)
			for b.Loop() {
				if _, err := Import(b.Context(), store, buckettest.Things, "object", room, l, benchBytes, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	for name, store := range map[string]bucket.Store{"s3": inS3, "folder": inDir} {
		b.Run("export/"+name, func(b *testing.B) {
			b.SetBytes(benchBytes)
			for b.Loop() {
				if _, err := Export(b.Context(), l, &a, store, Destination{Bucket: buckettest.Things, Key: "to"}, Progress{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	client, err := s3client.New(s3client.Options{Endpoint: url, Region: "r", PathStyle: true, Credentials: aws.CredentialsProviderFunc(keys)})
	if err != nil {
		b.Fatal(err)
	}
	name, key := aws.String(buckettest.Things), aws.String("object")
	copyTo := func(b *testing.B, r io.Reader) {
		f, err := os.Create(filepath.Join(b.TempDir(), "copy"))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(f, r); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
		_ = f.Close()
	}
	b.Run("bare/get", func(b *testing.B) {
		b.SetBytes(benchBytes)
		for b.Loop() {
			out, err := client.GetObject(b.Context(), &awss3.GetObjectInput{Bucket: name, Key: key})
			if err != nil {
				b.Fatal(err)
			}
			copyTo(b, out.Body)
			_ = out.Body.Close()
		}
	})
	b.Run("bare/put", func(b *testing.B) {
		b.SetBytes(benchBytes)
		for b.Loop() {
			f, err := os.Open(object)
			if err != nil {
				b.Fatal(err)
			}
			made, err := client.CreateMultipartUpload(b.Context(), &awss3.CreateMultipartUploadInput{Bucket: name, Key: key})
			if err != nil {
				b.Fatal(err)
			}
			for at := int64(0); at < benchBytes; at += 8 << 20 {
				if _, err := client.UploadPart(b.Context(), &awss3.UploadPartInput{
					Bucket: name, Key: key, UploadId: made.UploadId, PartNumber: aws.Int32(int32(at>>23) + 1), Body: io.NewSectionReader(f, at, 8<<20),
				}); err != nil {
					b.Fatal(err)
				}
			}
			if _, err := client.CompleteMultipartUpload(b.Context(), &awss3.CompleteMultipartUploadInput{Bucket: name, Key: key, UploadId: made.UploadId, MultipartUpload: &types.CompletedMultipartUpload{}}); err != nil {
				b.Fatal(err)
			}
			_ = f.Close()
		}
	})
	b.Run("copy", func(b *testing.B) {
		b.SetBytes(benchBytes)
		for b.Loop() {
			f, err := os.Open(object)
			if err != nil {
				b.Fatal(err)
			}
			copyTo(b, f)
			_ = f.Close()
		}
	})
}
