package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	compose "github.com/compose-spec/compose-go/v2/types"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	policy "k8s.io/api/policy/v1"
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
	for file, kinds := range map[string][]string{
		"heddle.yaml":  {"Service", "StatefulSet"},
		"cluster.yaml": {"Service", "Service", "PodDisruptionBudget", "StatefulSet"},
	} {
		t.Run(file, func(t *testing.T) { testManifests(t, "../deploy/kubernetes/"+file, kinds) })
	}
}

func testManifests(t *testing.T, file string, kinds []string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var services []*core.Service
	var budgets []*policy.PodDisruptionBudget
	var set apps.StatefulSet
	var found []string
	for _, document := range bytes.Split(text, []byte("\n---\n")) {
		var of struct{ Kind string }
		if err := yaml.Unmarshal(document, &of); err != nil {
			t.Fatal(err)
		}
		found = append(found, of.Kind)
		var into any = &set
		switch of.Kind {
		case "Service":
			services = append(services, new(core.Service))
			into = services[len(services)-1]
		case "PodDisruptionBudget":
			budgets = append(budgets, new(policy.PodDisruptionBudget))
			into = budgets[len(budgets)-1]
		}
		if err := yaml.UnmarshalStrict(document, into); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(found, kinds) {
		t.Fatalf("it has %q, want %q", found, kinds)
	}
	pod := &set.Spec.Template
	selectors := []map[string]string{set.Spec.Selector.MatchLabels}
	named := map[string]bool{}
	for _, s := range services {
		named[s.Name] = true
		selectors = append(selectors, s.Spec.Selector)
	}
	for _, b := range budgets {
		selectors = append(selectors, b.Spec.Selector.MatchLabels)
		if set.Spec.Replicas == nil || int(*set.Spec.Replicas) <= b.Spec.MaxUnavailable.IntValue() {
			t.Error("the budget lets all pods go")
		}
	}
	for _, spread := range pod.Spec.TopologySpreadConstraints {
		selectors = append(selectors, spread.LabelSelector.MatchLabels)
	}
	for _, s := range selectors {
		for name, value := range s {
			if pod.Labels[name] != value {
				t.Errorf("the label %s that is selected is not that of the pods", name)
			}
		}
	}
	if !named[set.Spec.ServiceName] {
		t.Errorf("there is no service %q, which names the pods", set.Spec.ServiceName)
	}
	container := &pod.Spec.Containers[0]
	ports := map[string]bool{}
	for _, p := range container.Ports {
		ports[p.Name] = true
	}
	for _, s := range services {
		for _, p := range s.Spec.Ports {
			if !ports[p.TargetPort.StrVal] {
				t.Errorf("no container has the port %q", p.TargetPort.StrVal)
			}
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
			if v.ValueFrom.FieldRef != nil { // its name
				env[v.Name] = set.Name + "-0"
			}
		}
		for name, value := range env { // those before it
			env[v.Name] = strings.ReplaceAll(env[v.Name], "$("+name+")", value)
		}
		if v.Name == "HEDDLE_CLUSTER_ADDRESS" && env[v.Name] != set.Name+"-0."+set.Spec.ServiceName+":7931" {
			t.Errorf("pods reach each other at %s, which names none", env[v.Name])
		}
		if path := v.Value; strings.HasPrefix(path, "/") && !mounted(container.VolumeMounts, path) {
			t.Errorf("%s is in no volume", path)
		}
	}
	for _, path := range regexp.MustCompile(`sslrootcert=(/[^'&\s]+)`).FindAllSubmatch(text, -1) { // in what is to be done beforehand
		if !mounted(container.VolumeMounts, string(path[1])) {
			t.Errorf("%s is in no volume", path[1])
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

// TestCompose: the files are what compose takes, and Heddle their settings.
func TestCompose(t *testing.T) {
	for name, nodes := range map[string][]string{"compose.yaml": {"heddle"}, "compose-cluster.yaml": {"heddle-a", "heddle-b", "heddle-c"}} {
		file, err := filepath.Abs("../deploy/container/" + name)
		if err != nil {
			t.Fatal(err)
		}
		details := compose.ConfigDetails{
			ConfigFiles: []compose.ConfigFile{{Filename: file}}, WorkingDir: filepath.Dir(file),
			Environment: map[string]string{"HEDDLE_ROOT_KEY": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="},
		}
		project, err := loader.LoadWithContext(context.Background(), details, func(o *loader.Options) { o.SetProjectName("heddle", true) })
		if err != nil {
			t.Fatal(err)
		}
		for _, node := range nodes {
			service, there := project.Services[node]
			if !there {
				t.Fatalf("%s has no %s", name, node)
			}
			env := map[string]string{}
			for name, value := range service.Environment {
				env[name] = *value
			}
			if address := env["HEDDLE_CLUSTER_ADDRESS"]; len(nodes) > 1 && address != node+":7931" {
				t.Errorf("%s is reached at %q", node, address)
			}
			understood(t, env)
		}
	}
}
