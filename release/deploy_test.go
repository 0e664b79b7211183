package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	compose "github.com/compose-spec/compose-go/v2/types"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// understood has the binary read settings as a container gives them: names and values that it
// does not know are refused.
func understood(t *testing.T, env map[string]string) {
	t.Helper()
	r := builtHere(t)
	c := exec.Command(r.built(here), "config")
	c.Dir = t.TempDir()
	for name, value := range env {
		c.Env = append(c.Env, name+"="+value)
	}
	if said, err := c.CombinedOutput(); err != nil {
		t.Errorf("with %v: %v\n%s", env, err, said)
	}
}

// TestKubernetes: the manifests are what the API's types take, word by word, and fit each other.
func TestKubernetes(t *testing.T) {
	text, err := os.ReadFile("../deploy/kubernetes/heddle.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var service core.Service
	var set apps.StatefulSet
	documents := bytes.Split(text, []byte("\n---\n"))
	if len(documents) != 2 {
		t.Fatalf("%d documents", len(documents))
	}
	for i, into := range []any{&service, &set} {
		if err := yaml.UnmarshalStrict(documents[i], into); err != nil {
			t.Fatal(err)
		}
	}
	pod := &set.Spec.Template
	for name, value := range service.Spec.Selector {
		if pod.Labels[name] != value || set.Spec.Selector.MatchLabels[name] != value {
			t.Errorf("the label %s of the service is not that of the pods", name)
		}
	}
	container := &pod.Spec.Containers[0]
	ports := map[string]bool{}
	for _, p := range container.Ports {
		ports[p.Name] = true
	}
	for _, p := range service.Spec.Ports {
		if !ports[p.TargetPort.StrVal] {
			t.Errorf("no container has the port %q", p.TargetPort.StrVal)
		}
	}
	for _, p := range []*core.Probe{container.StartupProbe, container.ReadinessProbe, container.LivenessProbe} {
		if !ports[p.HTTPGet.Port.StrVal] || p.HTTPGet.Path != "/health" && p.HTTPGet.Path != "/ready" {
			t.Errorf("the probe asks %+v", p.HTTPGet)
		}
	}
	volumes := map[string]bool{}
	for _, v := range pod.Spec.Volumes {
		volumes[v.Name] = true
	}
	for _, v := range set.Spec.VolumeClaimTemplates {
		volumes[v.Name] = true
	}
	env := map[string]string{}
	for _, v := range container.Env {
		if env[v.Name] = v.Value; v.ValueFrom != nil {
			env[v.Name] = "a-secret-of-forty-characters-or-so-123456"
		}
		if path := v.Value; strings.HasPrefix(path, "/") && !mounted(container.VolumeMounts, path) {
			t.Errorf("%s is in no volume", path)
		}
	}
	for _, m := range container.VolumeMounts {
		if !volumes[m.Name] {
			t.Errorf("there is no volume %q", m.Name)
		}
	}
	understood(t, env)
}

func mounted(mounts []core.VolumeMount, path string) bool {
	for _, m := range mounts {
		if strings.HasPrefix(path, m.MountPath+"/") {
			return true
		}
	}
	return false
}

// TestCompose: the file is what compose takes, and Heddle its settings.
func TestCompose(t *testing.T) {
	file, err := filepath.Abs("../deploy/container/compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	project, err := loader.LoadWithContext(context.Background(), compose.ConfigDetails{ConfigFiles: []compose.ConfigFile{{Filename: file}}, WorkingDir: filepath.Dir(file)},
		func(o *loader.Options) { o.SetProjectName("heddle", true) })
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{}
	for name, value := range project.Services["heddle"].Environment {
		env[name] = *value
	}
	understood(t, env)
}
