// Package flows3 keeps long payloads of package flow in a bucket of Amazon S3:
//
//	c.Blobs = flows3.Bucket{Client: s3.NewFromConfig(cfg), Name: "payloads", Prefix: "orders/"}
//
// Nothing is deleted. Objects must outlive the executions that name them and the retention of those: a lifecycle rule of the
// bucket, on the prefix, should expire them no sooner than the longest execution and its domain's retention together, and must not
// count from an object's last use, since one object serves every payload of its content: a payload that is sent again
// writes it again.
package flows3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// API is what this package calls of S3. The AWS SDK's *s3.Client has it.
type API interface {
	PutObject(context.Context, *s3.PutObjectInput, ...func(*s3.Options)) (*s3.PutObjectOutput, error)
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
}

// Bucket is flow.Blobs: what has the key KEY is the object Prefix+KEY.
type Bucket struct {
	Client API
	Name   string
	Prefix string
}

// Put implements flow.Blobs. What is there already is written again, so that it is as new for the bucket's lifecycle rules.
func (b Bucket) Put(ctx context.Context, key, text string) error {
	_, err := b.Client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: aws.String(b.Name), Key: aws.String(b.Prefix + key), Body: strings.NewReader(text), ContentLength: aws.Int64(int64(len(text))), ContentType: aws.String("text/plain; charset=utf-8"),
	})
	if err != nil {
		return fmt.Errorf("put object %s%s in bucket %s: %w", b.Prefix, key, b.Name, err)
	}
	return nil
}

// Get implements flow.Blobs.
func (b Bucket) Get(ctx context.Context, key string) (string, error) {
	fail := func(err error) (string, error) {
		return "", fmt.Errorf("get object %s%s of bucket %s: %w", b.Prefix, key, b.Name, err)
	}
	out, err := b.Client.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(b.Name), Key: aws.String(b.Prefix + key)})
	if _, missing := errors.AsType[*types.NoSuchKey](err); missing {
		return fail(fmt.Errorf("it is not there: was it deleted before its execution's retention was over, or is this another bucket? %w", err))
	}
	if err != nil {
		return fail(err)
	}
	defer out.Body.Close()
	text, err := io.ReadAll(out.Body)
	if err != nil {
		return fail(err)
	}
	return string(text), nil
}
