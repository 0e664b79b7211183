package main

import "heddle/internal/server"

// blobFlags say where blobs are.
type blobFlags struct {
	Bucket    string `name:"blob-bucket" env:"HEDDLE_BLOB_BUCKET" placeholder:"NAME" group:"Blobs" help:"Bucket of S3, or of what speaks its protocol, for what executions keep that is too large for events. Without it DATA/blobs. Credentials come from where AWS's SDKs look for them."`
	Prefix    string `name:"blob-prefix" env:"HEDDLE_BLOB_PREFIX" placeholder:"PREFIX/" group:"Blobs" help:"What the names in the bucket begin with; a part that is the store's own comes after it."`
	Endpoint  string `name:"blob-endpoint" env:"HEDDLE_BLOB_ENDPOINT" placeholder:"URL" group:"Blobs" help:"Where the bucket is, if not at AWS."`
	Region    string `name:"blob-region" default:"us-east-1" env:"HEDDLE_BLOB_REGION" group:"Blobs" help:"Region of the bucket, that requests are signed for."`
	PathStyle bool   `name:"blob-path-style" env:"HEDDLE_BLOB_PATH_STYLE" group:"Blobs" help:"The bucket is in the path of URLs, not in the host's name. Most services but AWS want it."`
}

func (f *blobFlags) config() server.Blobs {
	return server.Blobs{Bucket: f.Bucket, Prefix: f.Prefix, Endpoint: f.Endpoint, Region: f.Region, PathStyle: f.PathStyle}
}
