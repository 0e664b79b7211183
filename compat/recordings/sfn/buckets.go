package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// buckets is a folder whose folders are buckets of the server, by its flag --buckets. It stands
// in for S3, where cases only put objects that the server then reads.
type buckets string

// do does a call of S3 that a case makes: to the folder, and to what the server calls.
func (b buckets) do(o *objects, call string, request any) error {
	in, _ := request.(map[string]any)
	bucket, _ := in["Bucket"].(string)
	key, _ := in["Key"].(string)
	body, _ := in["Body"].(string)
	folder := filepath.Join(string(b), bucket)
	switch {
	case b == "":
		return fmt.Errorf("it needs a service that this command has no stand-in for")
	case call == "CreateBucket":
		o.create(bucket)
		return os.MkdirAll(folder, 0o700)
	case call == "GetObject":
		if _, found := o.get(bucket, key); !found {
			return fmt.Errorf("the bucket %s has no %s", bucket, key)
		}
		return nil
	case call == "PutObject":
		if bytes, ok := strings.CutPrefix(body, "bytearray(b'"); ok { // as it was recorded
			body = strings.TrimSuffix(bytes, "')")
		}
		if !o.put(bucket, key, body) {
			return fmt.Errorf("there is no bucket %s", bucket)
		}
		return os.WriteFile(filepath.Join(folder, key), []byte(body), 0o600)
	}
	return fmt.Errorf("it calls %s, for which this command has no stand-in", call)
}
