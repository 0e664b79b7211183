package integration

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"heddle/internal/aws/credentials"
	"heddle/internal/aws/sdk"
)

// Options say where services are that Task states call, and how many calls there may be.
type Options struct {
	Endpoints   []string `name:"integration" env:"HEDDLE_INTEGRATION" placeholder:"SERVICE=URL" help:"Where a service is that Task states call, by the name that models have: sqs=https://sqs.eu-west-1.amazonaws.com. {region} and {service} in a URL stand for those of the call; the service * for all that are not named and that the server has not itself; execute-api for APIs of API Gateway (apigateway:invoke), with {api} for the ID of one; kubernetes for the APIs of clusters (eks:call, eks:runJob), with {cluster} for the name of one, and {endpoint} for the host that the task gives, if EKS has such hosts. Without it a task that calls the service fails with SdkClientException."`
	Credentials string   `name:"integration-credentials" env:"HEDDLE_INTEGRATION_CREDENTIALS" type:"path" placeholder:"FILE" help:"Shared credentials file with the keys that sign those calls: the profile ACCOUNT/SERVICE, or else ACCOUNT, of the account whose state machine calls. It must be readable by its owner alone. Without it the account's number signs, which only what stands in for AWS takes."`
	Models      string   `name:"models" env:"HEDDLE_MODELS" type:"path" placeholder:"DIR" help:"Folder with further models of services, NAME.json or NAME.json.gz, as botocore has them (service-2.json)."`
	Concurrent  int      `name:"integration-concurrent" env:"HEDDLE_INTEGRATION_CONCURRENT" default:"64" min:"1" max:"10000" help:"How many calls of services there are at a time, each with up to 1 MiB of an answer. All alone, an account gets three quarters of them, a state machine a half, a service a quarter: the rest is for whoever comes next."`
}

// Check refuses what can't be. It calls nobody.
func (o *Options) Check() error {
	var errs []error
	seen := map[string]bool{}
	for _, given := range o.Endpoints {
		service, at, ok := strings.Cut(given, "=")
		if !ok || service == "" {
			errs = append(errs, fmt.Errorf("--integration %q: want SERVICE=URL", given))
			continue
		}
		if seen[service] {
			errs = append(errs, fmt.Errorf("--integration %q: the service is named twice", given))
		}
		seen[service] = true
		if err := sdk.CheckEndpoint(strings.NewReplacer("{api}", "x", "{cluster}", "x", "{endpoint}", "x").Replace(filled(at, "us-east-1", "x"))); err != nil {
			errs = append(errs, fmt.Errorf("--integration %s: %w", service, err))
		}
	}
	if o.Models != "" {
		if info, err := os.Stat(o.Models); err != nil || !info.IsDir() {
			errs = append(errs, fmt.Errorf("--models %q: want a folder", o.Models))
		}
	}
	return errors.Join(errs...)
}

func filled(at, region, service string) string {
	return strings.NewReplacer("{region}", region, "{service}", service).Replace(at)
}

// Folder is where further models are; nil: nowhere.
func (o *Options) Folder() fs.FS {
	if o.Models == "" {
		return nil
	}
	return os.DirFS(o.Models)
}

// Named gives the URL of a service that is named itself, for a region; "": it is not. Others
// gives that of all that are not named.
func (o *Options) Named(name string, model *sdk.Service, region string) string {
	for _, given := range o.Endpoints {
		if service, at, _ := strings.Cut(given, "="); service == name {
			return filled(at, region, model.Prefix())
		}
	}
	return ""
}

// API gives the URL of an API of API Gateway, by the name that signatures call such APIs, or
// else by that of all others; "": there is none. {api} in it stands for its ID. Shared: the URL is
// that of other APIs, too.
func (o *Options) API(signing, id, region string) (url string, shared bool) {
	for _, name := range []string{signing, "*"} {
		for _, given := range o.Endpoints {
			if service, at, _ := strings.Cut(given, "="); service == name {
				url = strings.ReplaceAll(filled(at, region, id+"."+signing), "{api}", id)
				return url, !strings.Contains(url, id)
			}
		}
	}
	return "", false
}

// Cluster gives the URL of the Kubernetes API of a cluster, by the name that the operator calls
// such APIs; "": there is none. {cluster} in it stands for the cluster's name, {endpoint} for its
// host; where there is none, such a URL is none.
func (o *Options) Cluster(called, name, host, region string) string {
	for _, given := range o.Endpoints {
		if service, at, _ := strings.Cut(given, "="); service == called && (host != "" || !strings.Contains(at, "{endpoint}")) {
			return strings.NewReplacer("{cluster}", name, "{endpoint}", host).Replace(filled(at, region, service))
		}
	}
	return ""
}

// Keys are the keys that sign calls of a service for an account. Errors: for the operator; a
// *credentials.KeyPair is missing if the file has no profile for the account.
func (o *Options) Keys(account, service string) (credentials.KeyPair, error) {
	if o.Credentials == "" {
		return credentials.KeyPair{KeyID: account, Secret: "none"}, nil
	}
	pair, err := credentials.ReadProfile(o.Credentials, account+"/"+service)
	if errors.Is(err, credentials.ErrNoProfile) {
		pair, err = credentials.ReadProfile(o.Credentials, account)
	}
	if err != nil {
		return pair, fmt.Errorf("--integration-credentials: %w", err)
	}
	return pair, nil
}
