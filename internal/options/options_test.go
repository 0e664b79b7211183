package options_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	. "heddle/internal/options"
)

// oven has a setting of each sort.
type oven struct {
	Degrees int           `name:"degrees" env:"DEGREES" default:"180" min:"50" max:"300" help:"How hot." placeholder:"C" group:"Heat"`
	For     time.Duration `name:"for" default:"1h" min:"1m" max:"24h"`
	Mode    string        `name:"mode" enum:"fan,grill"`
	Label   string        `default:"bread"`
	Steam   bool          `name:"steam" default:"true"`
	Weight  int64         `name:"weight" min:"0"`
	Shelf   int           `name:"shelf" max:"4"`
	Tray    tray          `embed:"" prefix:"tray-" envprefix:"OVEN_" group:"Trays"`
	Key     string        `kong:"-" secret:"OVEN_KEY"`

	hidden int
}

type tray struct {
	Width int    `name:"width" env:"WIDTH" default:"40"`
	Rack  rack   `embed:"" prefix:"rack-" envprefix:"TRAY_"`
	Seal  string `kong:"-" secret:"SEAL"`
}

type rack struct {
	Bars  int    `name:"bars" env:"BARS" default:"9" group:"Racks"`
	Steel string `default:"304"`
	Code  string `kong:"-" secret:"CODE"`
}

func TestOf(t *testing.T) {
	var got []string
	for _, o := range Of(&oven{hidden: 1}) {
		got = append(got, strings.Join([]string{o.Flag, o.Env, o.Default, o.Min, o.Max, strings.Join(o.Enum, ","), o.Help, o.Placeholder, o.Group}, "|"))
	}
	want := []string{
		"degrees|DEGREES|180|50|300||How hot.|C|Heat",
		"for||1h|1m|24h||||",
		"mode||fan|||fan,grill|||",
		"Label||bread||||||",
		"steam||true||||||",
		"weight|||0|||||",
		"shelf||||4||||",
		"tray-width|OVEN_WIDTH|40|||||" + "|Trays",
		"tray-rack-bars|OVEN_TRAY_BARS|9|||||" + "|Racks",
		"tray-rack-Steel||304|||||" + "|Trays",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestNoOptions(t *testing.T) {
	ReadSecrets(nil, nil)
	if all, err := Of(nil), Fill(nil); all != nil || err != nil {
		t.Errorf("got %v, %v", all, err)
	}
}

func TestFill(t *testing.T) {
	defaults := oven{
		Degrees: 180, For: time.Hour, Mode: "fan", Label: "bread", Steam: true,
		Tray: tray{Width: 40, Rack: rack{Bars: 9, Steel: "304"}},
	}
	if got := Defaults[oven](); got != defaults {
		t.Errorf("got %+v", got)
	}
	set := oven{Degrees: 300, For: time.Minute, Mode: "grill", Label: "x", Steam: true, Weight: 5, Shelf: -7, Tray: tray{1, rack{2, "316", "c"}, "s"}, Key: "k"}
	got := set
	if err := Fill(&got); err != nil || got != set {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestFillRefuses(t *testing.T) {
	for _, c := range []struct {
		change func(*oven)
		want   string
	}{
		{func(o *oven) { o.Degrees = 49 }, "--degrees 49: want 50 to 300"},
		{func(o *oven) { o.Degrees = 301 }, "--degrees 301: want 50 to 300"},
		{func(o *oven) { o.For = time.Second }, "--for 1s: want 1m0s to 24h0m0s"},
		{func(o *oven) { o.For = 25 * time.Hour }, "--for 25h0m0s: want 1m0s to 24h0m0s"},
		{func(o *oven) { o.Mode = "fry" }, `--mode "fry": want fan or grill`},
		{func(o *oven) { o.Weight = -1 }, "--weight -1: want 0 or more"},
		{func(o *oven) { o.Shelf = 5 }, "--shelf 5: want at most 4"},
		{func(o *oven) { o.Degrees, o.Shelf = 1, 9 }, "--degrees 1: want 50 to 300\n--shelf 9: want at most 4"},
	} {
		var o oven
		c.change(&o)
		if err := Fill(&o); err == nil || err.Error() != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

// Tags that make no sense are found when the program starts.
func TestTagsThatMakeNoSense(t *testing.T) {
	for _, options := range []any{
		&struct {
			N int `default:"many"`
		}{},
		&struct {
			N int `min:"few"`
		}{},
		&struct {
			N int `max:"many"`
		}{},
		&struct {
			D time.Duration `default:"long"`
		}{},
		&struct {
			B bool `default:"perhaps"`
		}{},
		&struct {
			F float64 `default:"1.5"`
		}{},
		&struct {
			N int8 `default:"1"`
		}{},
	} {
		func() {
			defer func() {
				if text := fmt.Sprint(recover()); !strings.HasPrefix(text, "options: ") {
					t.Errorf("%v: %s", reflect.TypeOf(options), text)
				}
			}()
			_ = Fill(options)
		}()
	}
	defer func() {
		if recover() == nil {
			t.Error("defaults out of their bounds")
		}
	}()
	Defaults[struct {
		N int `min:"1"`
	}]()
}

func TestReadSecrets(t *testing.T) {
	asked := map[string]bool{}
	var o oven
	ReadSecrets(&o, func(name string) string {
		asked[name] = true
		return "what " + name + " holds"
	})
	want := oven{Key: "what OVEN_KEY holds", Tray: tray{Seal: "what OVEN_SEAL holds", Rack: rack{Code: "what OVEN_TRAY_CODE holds"}}}
	if o != want {
		t.Errorf("got %+v", o)
	}
	if names := slices.Sorted(maps.Keys(asked)); !slices.Equal(names, []string{"OVEN_KEY", "OVEN_SEAL", "OVEN_TRAY_CODE"}) {
		t.Errorf("asked for %q", names)
	}
}
