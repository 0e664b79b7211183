package options

import (
	"reflect"
	"testing"
	"time"
)

type quotas struct {
	Timers int   `name:"timers" env:"TIMERS" default:"7" min:"1" max:"9" help:"Timers."`
	Events int64 `name:"events" default:"100" min:"6" max:"1000"`
}

type settings struct {
	Kind   string        `name:"kind" default:"a" enum:"a,b" env:"HEDDLE_KIND" help:"What it is." group:"First"`
	Hold   time.Duration `name:"hold" default:"55s" min:"1ms" max:"60s"`
	On     bool          `name:"on" default:"true"`
	Free   string        `name:"free"`
	Quotas quotas        `embed:"" prefix:"limit-" envprefix:"HEDDLE_LIMIT_" group:"Limits"`
	Secret string        `kong:"-" secret:"KEY"`
	Deeper struct {
		Secret string `kong:"-" secret:"TOKEN"`
	} `embed:"" envprefix:"DEEP_"`
	Unnamed int    `kong:"-" default:"3" min:"1" max:"4"`
	Later   int    `name:"later" min:"2" max:"4"`
	Skip    string `name:"skip" oneof:"x,y"`
	None    func()
}

func TestFill(t *testing.T) {
	s := settings{Quotas: quotas{Timers: 2}}
	if err := Fill(&s); err != nil {
		t.Fatal(err)
	}
	want := settings{Kind: "a", Hold: 55 * time.Second, On: true, Quotas: quotas{Timers: 2, Events: 100}, Unnamed: 3}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("got %+v, want %+v", s, want)
	}
	if d := Defaults[quotas](); d != (quotas{Timers: 7, Events: 100}) {
		t.Errorf("defaults %+v", d)
	}
}

func TestFillRefuses(t *testing.T) {
	for want, s := range map[string]settings{
		`--kind "c": want a or b`:                                       {Kind: "c"},
		"--hold 1m1s: want 1ms to 1m0s":                                 {Hold: 61 * time.Second},
		"--limit-timers -1: want 1 to 9":                                {Quotas: quotas{Timers: -1}},
		"--limit-events 5: want 6 to 1000":                              {Quotas: quotas{Events: 5}},
		"Unnamed 5: want 1 to 4":                                        {Unnamed: 5},
		"--hold -1ns: want 1ms to 1m0s\n--limit-timers 10: want 1 to 9": {Hold: -1, Quotas: quotas{Timers: 10}},
		`--skip "z": want x or y`:                                       {Skip: "z"},
		"--later 1: want 2 to 4":                                        {Later: 1},
	} {
		if err := Fill(&s); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestReadSecrets(t *testing.T) {
	var s settings
	ReadSecrets(&s, func(name string) string { return "of " + name })
	if s.Secret != "of KEY" || s.Deeper.Secret != "of DEEP_TOKEN" {
		t.Errorf("%+v", s)
	}
	ReadSecrets(nil, nil)
}

// TestMistakesOfOurs panics: a default that can't be read is no setting of anybody's.
func TestMistakesOfOurs(t *testing.T) {
	for what, s := range map[string]any{
		"default": &struct {
			N int `default:"many"`
		}{},
		"type": &struct {
			N float64 `default:"1"`
		}{},
		"bound": &struct {
			N int `default:"1" min:"few" max:"1"`
		}{},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: taken", what)
				}
			}()
			_ = Fill(s)
		}()
	}
}
