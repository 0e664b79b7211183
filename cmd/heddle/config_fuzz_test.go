package main

import (
	"reflect"
	"strings"
	"testing"
)

// FuzzConfig gives hostile flags and variables, a line each. They are refused, or
// make a Config that can be used and says what was given.
func FuzzConfig(f *testing.F) {
	for _, seed := range []struct{ flags, variables string }{
		{"", ""},
		{"--store=memory\n--auth=none\n--time-skip\n--limit-events=7", "LIMIT_POLLS=0\nAUDIT=file"},
		{"--throttle=aws\n--throttle-rate=StartTimer=1/1,ListDomains=none", "THROTTLE_RATE=X=1/1"},
		{"--lambda-endpoint=http://[::1]:1/\n--lambda-concurrent=10001", "LAMBDA_SECRET_ACCESS_KEY=s"},
		{"--kms-key-id=a,b\n--kms-endpoint=http://x\n--kms-access-key=k", "KMS_SECRET_ACCESS_KEY=s\nKMS_REGION="},
		{"--audit-webhook=https://x/?token=\n--audit-keep=1000000000", "ROOT_KEY=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="},
		{"--limit-client-percent=101\n--poll-hold=1ns\n--account=1", "REGION=\x7f\nLOG_LEVEL=info+9"},
		{"--help\n--data=~/x\n--no-such\n-1\n--\nx", "DATA=~"},
	} {
		f.Add(seed.flags, seed.variables)
	}
	f.Fuzz(func(t *testing.T, flags, variables string) {
		clearEnvironment(t)
		for variable := range strings.Lines(variables) {
			name, value, _ := strings.Cut(strings.TrimSuffix(variable, "\n"), "=")
			if strings.ContainsRune(variable, 0) {
				return // the system has none such
			}
			t.Setenv("HEDDLE_"+name, value)
		}
		if err := unsetEmpty(); err != nil {
			t.Fatal(err)
		}
		args := []string{"serve"}
		if flags != "" {
			args = append(args, strings.Split(flags, "\n")...)
		}
		c, _, err := parse(t, args...)
		if err != nil {
			wantWords(t, err)
			return
		}
		given := c.Serve.config()
		filled, err := given.Filled()
		if err != nil {
			wantWords(t, err)
			return
		}
		wantUsable(t, "Config", reflect.ValueOf(given), reflect.ValueOf(filled))
		again, err := filled.Filled()
		if !reflect.DeepEqual(settings(&again), settings(&filled)) {
			t.Errorf("settings of services, filled again: %+v after %+v", settings(&again), settings(&filled))
		}
		again.Services, filled.Services = nil, nil // which hold functions
		if err != nil || !reflect.DeepEqual(again, filled) {
			t.Errorf("filled again it is\n%+v\nafter\n%+v\n%v", again, filled, err)
		}
	})
}

func wantWords(t *testing.T, err error) {
	t.Helper()
	if strings.TrimSpace(err.Error()) == "" {
		t.Errorf("an error without words: %#v", err)
	}
}

// wantUsable wants every number above zero, and what was given to be what counts.
func wantUsable(t *testing.T, name string, given, filled reflect.Value) {
	t.Helper()
	switch {
	case filled.Kind() == reflect.Struct:
		for i := range filled.NumField() {
			wantUsable(t, name+"."+filled.Type().Field(i).Name, given.Field(i), filled.Field(i))
		}
	case filled.CanInt():
		if filled.Int() <= 0 || !given.IsZero() && given.Int() != filled.Int() {
			t.Errorf("%s: given %v, used %v", name, given, filled)
		}
	case filled.Kind() == reflect.String:
		if given.String() != filled.String() && given.String() != "" && name != "Config.Audit.Files" {
			t.Errorf("%s: given %q, used %q", name, given, filled)
		}
	}
}
