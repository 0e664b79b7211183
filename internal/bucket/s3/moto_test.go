package s3

import (
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"heddle/internal/bucket"
	"heddle/internal/bucket/buckettest"
)

// TestMoto runs the suite against another S3, in a process of its own.
func TestMoto(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a server that takes seconds")
	}
	program, err := exec.LookPath("moto_server")
	if err != nil {
		t.Skip("moto_server is not installed; pip install 'moto[server,s3]'")
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(free.Addr().String())
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	process := exec.Command(program, "-H", "127.0.0.1", "-p", port)
	if err := process.Start(); err != nil {
		t.Skipf("moto_server does not start: %v", err)
	}
	t.Cleanup(func() {
		_ = process.Process.Kill()
		_ = process.Wait()
	})
	endpoint := "http://127.0.0.1:" + port
	for tries := 0; ; tries++ {
		if answer, err := http.Get(endpoint); err == nil {
			_ = answer.Body.Close()
			break
		}
		if tries == 300 {
			t.Skip("moto_server does not answer within 30 seconds")
		}
		time.Sleep(100 * time.Millisecond)
	}
	buckettest.Run(t, buckettest.Tested{PartBytes: 5 << 20, Plain: true, Open: func(t *testing.T) (bucket.Store, func() bucket.Store) {
		o := options(endpoint)
		o.partBytes = 5 << 20 // the least that S3 takes
		again := func() bucket.Store { return open(t, o) }
		s := open(t, o)
		name := aws.String(buckettest.Things)
		if _, err := s.client.CreateBucket(t.Context(), &awss3.CreateBucketInput{Bucket: name, CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: region}}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if answer, err := http.Post(fmt.Sprintf("%s/moto-api/reset", endpoint), "", nil); err == nil {
				_ = answer.Body.Close()
			}
		})
		return s, again
	}})
}
