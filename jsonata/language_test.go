package jsonata

import (
	"context"
	"strings"
	"testing"
	"time"

	"heddle/jsonvalue"
)

const shop = `{"Account":{"Name":"Firefly","Order":[
	{"ID":"order103","Product":[{"Name":"Bowler Hat","SKU":"0406654608","Price":34.45,"Quantity":2,"Colour":"Purple"},{"Name":"Trilby hat","SKU":"0406634348","Price":21.67,"Quantity":1,"Colour":"Orange"}]},
	{"ID":"order104","Product":[{"Name":"Bowler Hat","SKU":"040657863","Price":34.45,"Quantity":4,"Colour":"Purple"},{"ProductID":345664,"Name":"Cloak","SKU":"0406654603","Price":107.99,"Quantity":1,"Colour":"Black"}]}]},
	"one":[{"x":5}],"nested":[[1,2],[3,[4]]],"empty":[],"none":null,"flag":true,"text":"Hello World"}`

// testNow is 2023-11-14T22:13:20.000Z, a Tuesday.
var testNow = time.UnixMilli(1_700_000_000_000)

// language says of expressions what they give for shop: a JSON text, nothing ("-"), or an
// error ("!CODE", with position, token and message behind it as far as they are checked).
var language = []struct{ expr, want string }{
	// Literals.
	{`"a\"\\\/\b\f\n\r\t\u0041\ud83d\ude00"`, `"a\"\\/\b\f\n\r\tA😀"`}, {`'it"s'`, `"it\"s"`}, {`12.5e1`, `125`}, {`-3`, `-3`}, {`true`, `true`}, {`null`, `null`},
	{`"open`, `!S0101@5`}, {`1e999`, `!S0102@0 1e999`}, {`"\q"`, `!S0103@2 q`}, {`"\u00g0"`, `!S0104@2`}, {"`open", `!S0105@5`}, {`1 /* open`, `!S0106@2`},
	{`/* a */ 1 /* b */`, `1`}, {``, `!S0207@0 (end)`}, {`//`, `!S0301@1`}, {`/a`, `!S0302@2`}, {`/(/`, `!S0302`}, {`/a{2,1}/`, `!U1004`},
	// Syntax.
	{`1 2`, `!S0201@3 2`}, {`[1,2)`, `!S0202@5 )|Expected "]", got ")"`}, {`(1`, `!S0203@2 (end)`}, {`1 ! 2`, `!S0204@3 !`}, {`1 =`, `!S0207`}, {`) `, `!S0211@1 )`},
	{`function(x){1}`, `!S0208@10 x`}, {`[1]{"a":1}[0]`, `!S0209@11`}, {`[1]{"a":1}{"b":1}`, `!S0210@11`}, {`=1`, `!S0211@1 =`}, {`a:=1`, `!S0212@1 a`},
	{`a.1`, `!S0213@3`}, {`a@b`, `!S0214@3 @`}, {`a#b`, `!S0214@3 #`}, {`a[0]@$x`, `!S0215@5`}, {`a^(b)@$x`, `!S0216@6`}, {`a.%.%`, `!S0217`}, {`a ** b`, `!S0201`},
	{`function($x)<n<n>>{1}`, `!S0401`}, {`function($x)<(a<n>)>{1}`, `!S0402`}, {`"é" 2`, `!S0201@5 2`},
	// Paths and sequences.
	{`Account.Name`, `"Firefly"`}, {`Account.Order.ID`, `["order103","order104"]`}, {`Account.Order.Product.Price`, `[34.45,21.67,34.45,107.99]`}, {`missing.a`, `-`},
	{`Account.Order[0].ID`, `"order103"`}, {`Account.Order.Product[0].Name`, `["Bowler Hat","Bowler Hat"]`}, {`(Account.Order.Product)[0].Name`, `"Bowler Hat"`},
	{`Account.Order[-1].ID`, `"order104"`}, {`Account.Order[9]`, `-`}, {`Account.Order.Product[Price > 100].Name`, `"Cloak"`}, {`one.x`, `5`}, {`one[].x`, `[5]`}, {`one.x[]`, `[5]`},
	{`one`, `[{"x":5}]`}, {`nested`, `[[1,2],[3,[4]]]`}, {`nested[0]`, `[1,2]`}, {`nested.$`, `[1,2,3,[4]]`}, {`empty`, `[]`}, {`empty.a`, `-`}, {`none`, `null`}, {`none.a`, `-`},
	{`Account.Order.[ID]`, `[["order103"],["order104"]]`}, {`[1,2,3][1]`, `2`}, {`[1,2,3][[0,2]]`, `[1,3]`}, {`[1,2,3][0.9]`, `1`}, {`[[1,2],3]`, `[[1,2],3]`}, {`[nested]`, `[[1,2],[3,[4]]]`},
	{`[missing]`, `[]`}, {`[one.x]`, `[5]`}, {`$count(*)`, `9`}, {`Account.*[0]`, `"Firefly"`},
	{`**.Colour`, `["Purple","Orange","Purple","Black"]`}, {`$.Account.Name`, `"Firefly"`}, {`$$.text`, `"Hello World"`}, {"Account.`Name`", `"Firefly"`}, {`Account."Name"`, `"Firefly"`},
	{`[1..3]`, `[1,2,3]`}, {`[3..1]`, `[]`}, {`["a"..3]`, `!T2003@6 ..`}, {`[1..2.5]`, `!T2004@4 ..`}, {`[1..1e8]`, `!D2014@4 ..`}, {`[missing..3]`, `[]`},
	{`{"a":1,"b":{"c":[1]}}`, `{"a":1,"b":{"c":[1]}}`}, {`{"a":missing}`, `{}`}, {`{1:2}`, `!T1003@1`}, {`Account.Order{ID:$count(Product)}`, `{"order103":2,"order104":2}`},
	{`Account.Order.Product{Name:Quantity}`, `{"Bowler Hat":[2,4],"Trilby hat":1,"Cloak":1}`}, {`[{"a":1},{"a":2}]{"x":a,"x":a}`, `!D1009@18`}, {`(1;2;3)`, `3`}, {`()`, `-`},
	{`Account.Order.Product^(Price).SKU`, `["0406634348","0406654608","040657863","0406654603"]`}, {`Account.Order.Product^(>Price,<SKU)[0].SKU`, `"0406654603"`},
	{`[{"k":2},{},{"k":1}]^(k).$string()`, `["{\"k\":1}","{\"k\":2}","{}"]`}, {`[3,"a"]^($)`, `!T2007@8`}, {`[3,true]^($)`, `!T2008@9`},
	{`Account.Order#$o.Product.{"n":$o,"s":SKU}[1]`, `{"n":0,"s":"0406634348"}`}, {`Account.Order#$o[ID="order104"].$o`, `1`},
	{`Account.Order@$o.Product[Price>100].{"id":$o.ID}`, `-`}, {`Account.Order@$o.$o.Product[Price>100].{"id":$o.ID}`, `{"id":"order104"}`},
	{`Account.Order.Product[Price>100].%.ID`, `"order104"`}, {`Account.Order.Product.(Price>100 ? %.%.Name)`, `"Firefly"`}, {`Account.Order.Product[%.ID="order103"].SKU`, `["0406654608","0406634348"]`},
	// Operators.
	{`1+2*3-4/2%3`, `5`}, {`5 % 3`, `2`}, {`-5 % 3`, `-2`}, {`"a"+1`, `!T2001@4 +|The left side of the "+" operator must evaluate to a number`}, {`1+"a"`, `!T2002@2 +`}, {`1+missing`, `-`}, {`-"a"`, `!D1002@1 -|Cannot negate a non-numeric value: "a"`}, {`(1/0)+1`, `!D1001@6 +`},
	{`1=1.0`, `true`}, {`"1"=1`, `false`}, {`[1,{"a":2}]=[1,{"a":2}]`, `true`}, {`{"a":1,"b":2}={"b":2,"a":1}`, `true`}, {`1!=2`, `true`}, {`missing=1`, `false`}, {`missing!=1`, `false`}, {`null=null`, `true`},
	{`1<2`, `true`}, {`"a"<"b"`, `true`}, {`2<=2`, `true`}, {`3>2`, `true`}, {`3>="3"`, `!T2009@3 >=`}, {`1<true`, `!T2010@2 <`}, {`missing<1`, `-`}, {`"b">="a"`, `true`}, {`"a"<="a"`, `true`},
	{`true and 1`, `true`}, {`true and missing`, `false`}, {`false or "x"`, `true`}, {`false and ("a"+1)`, `false`}, {`1 in [1,2]`, `true`}, {`"x" in "x"`, `true`}, {`[1] in [[1]]`, `false`}, {`missing in [1]`, `false`},
	{`"a" & 1 & true & null & [1] & missing`, `"a1truenull[1]"`}, {`flag ? 1 : 2`, `1`}, {`missing ? 1`, `-`}, {`0 ?: 5`, `5`}, {`0 ?? 5`, `0`}, {`missing ?? 5`, `5`}, {`null ?? 5`, `null`},
	// Variables and functions.
	{`($x := 5; $x + 1)`, `6`}, {`($x := 1; ($x := 2); $x)`, `1`}, {`($f := function($a,$b){$a & $b}; $f("x","y"))`, `"xy"`}, {`λ($x){$x*2}(4)`, `8`},
	{`($f := function($n){$n < 2 ? 1 : $n * $f($n - 1)}; $f(10))`, `3628800`}, {`($f := function($n, $a){$n = 0 ? $a : $f($n - 1, $a + 1)}; $f(20000, 0))`, `20000`},
	{`($add := function($a){function($b){$a + $b}}; $add(3)(4))`, `7`}, {`$substring(?, 0, 2)("hello")`, `"he"`}, {`($f := function($a,$b){$a - $b}; $f(?, 1)(5))`, `4`},
	{`"a,b" ~> $split(",") ~> $join("-")`, `"a-b"`}, {`($f := $uppercase ~> $length; $f("abc"))`, `3`}, {`$foo(1)`, `!T1006@5 foo`}, {`sum(1)`, `!T1005@4 sum|Attempted to invoke a non-function. Did you mean $sum?`},
	{`foo(?)`, `!T1008@4 foo`}, {`sum(?)`, `!T1007@4 sum`}, {`1 ~> 2`, `!T2006@4`}, {`($c := 5; $f := function(){$c}; $c := 6; $f())`, `6`},
	{`function($x)<n:n>{$x}("a")`, `!T0410`}, {`function($x)<a<n>:n>{$sum($x)}(5)`, `5`}, {`text.(function($x)<s-:s>{$x & "!"}())`, `"Hello World!"`}, {`none.(function($x)<s-:s>{$x}())`, `!T0411`},
	{`(Account ~> |Order.Product|{"Total":Price*Quantity},["SKU","Colour"]|).Order[0].Product[1]`, `{"Name":"Trilby hat","Price":21.67,"Quantity":1,"Total":21.67}`},
	{`one ~> |$|5|`, `!T2011@11`}, {`one ~> |$|{},5|`, `!T2012@14`}, {`($clone := 1; one ~> |$|{}|)`, `!T2013`}, {`(one ~> |$|{"x":6}|; one.x)`, `5`},
	// Numbers.
	{`$sum([1,2,3])`, `6`}, {`$sum(Account.Order.Product.Quantity)`, `8`}, {`$sum(missing)`, `-`}, {`$sum("a")`, `!T0412@5 sum|Argument 1 of function "sum" must be an array of "numbers"`}, {`$max([1,3,2])`, `3`}, {`$max([])`, `-`}, {`$min([1,3,2])`, `1`},
	{`$average([1,2,3])`, `2`}, {`$average([])`, `-`}, {`$count([1,2])`, `2`}, {`$count(missing)`, `0`}, {`$count(5)`, `1`}, {`$abs(-5)`, `5`}, {`$floor(-1.5)`, `-2`}, {`$ceil(1.2)`, `2`}, {`$floor(missing)`, `-`},
	{`$round(2.5)`, `2`}, {`$round(3.5)`, `4`}, {`$round(-2.5)`, `-2`}, {`$round(1.005, 2)`, `1`}, {`$round(1234, -2)`, `1200`}, {`$sqrt(16)`, `4`}, {`$sqrt(-1)`, `!D3060@6 sqrt`}, {`$power(2, 10)`, `1024`}, {`$power(10, 1000)`, `!D3061@7 power`},
	{`$number("1e3")`, `1000`}, {`$number("0x1F")`, `31`}, {`$number("0b11")`, `3`}, {`$number("0o17")`, `15`}, {`$number(true)`, `1`}, {`$number("x")`, `!D3030@8 number|Unable to cast value to a number: "x"`}, {`$number("")`, `!D3030`}, {`$number([1])`, `!T0410`},
	{`$formatBase(255, 16)`, `"ff"`}, {`$formatBase(-5, 2)`, `"-101"`}, {`$formatBase(1.5)`, `"2"`}, {`$formatBase(1, 1)`, `!D3100@12 formatBase`}, {`$formatBase(1e20, 16)`, `"56bc75e2d63100000"`},
	{`$formatNumber(12345.6, "#,###.00")`, `"12,345.60"`}, {`$formatNumber(-6, "000")`, `"-006"`}, {`$formatNumber(0.14, "01%")`, `"14%"`}, {`$formatNumber(1234.5678, "00.000e0")`, `"12.346e2"`}, {`$formatNumber(-5, "0;(0)")`, `"(5)"`},
	{`$formatNumber(1, "0;0;0")`, `!D3080`}, {`$formatNumber(1, "0.0.0")`, `!D3081`}, {`$formatNumber(1, "0%%")`, `!D3082`}, {`$formatNumber(1, "0‰‰")`, `!D3083`}, {`$formatNumber(1, "0%‰")`, `!D3084`}, {`$formatNumber(1, ".")`, `!D3085`}, {`$formatNumber(1, "0+0")`, `!D3086`},
	{`$formatNumber(1, "0,.0")`, `!D3087`}, {`$formatNumber(1, "0,")`, `!D3088`}, {`$formatNumber(1, "0,,0")`, `!D3089`}, {`$formatNumber(1, "0#")`, `!D3090`}, {`$formatNumber(1, "0.#0")`, `!D3091`}, {`$formatNumber(1, "0e0%")`, `!D3092`}, {`$formatNumber(1, "0.0e0,0")`, `!D3093`},
	{`$formatInteger(1999, "I")`, `"MCMXCIX"`}, {`$formatInteger(21, "w;o")`, `"twenty-first"`}, {`$formatInteger(1234567, "#,##0")`, `"1,234,567"`}, {`$formatInteger(28, "a")`, `"ab"`}, {`$formatInteger(1001, "Ww")`, `"One Thousand and One"`}, {`$formatInteger(12, "1;o")`, `"12th"`},
	{`$formatInteger(5, "x")`, `!D3130`}, {`$formatInteger(5, "0١")`, `!D3131`}, {`$parseInteger("MCMXCIX", "I")`, `1999`}, {`$parseInteger("one hundred and five", "w")`, `105`}, {`$parseInteger("1,234", "#,##0")`, `1234`}, {`$parseInteger("-0x1fz", "0")`, `-31`}, {`$spread([{}, []])`, `[]`}, {`$parseInteger("ab", "a")`, `28`},
	// Strings.
	{`$string(5)`, `"5"`}, {`$string({"a":[1,null]})`, `"{\"a\":[1,null]}"`}, {`$string([1,{"a":2}], true)`, `"[\n  1,\n  {\n    \"a\": 2\n  }\n]"`}, {`$string(0.1+0.2)`, `"0.3"`}, {`$string(1e21)`, `"1e+21"`}, {`$string(0.7*1e17)`, `"69999999999999990"`}, {`$string($sum)`, `""`}, {`$string(1/0)`, `!D3001`}, {`$string(missing)`, `-`},
	{`$length("héllo😀")`, `6`}, {`$length(5)`, `!T0410@8 length`}, {`$substring("hello", 1, 3)`, `"ell"`}, {`$substring("hello", -3)`, `"llo"`}, {`$substring("😀ab", 1, 1)`, `"a"`}, {`$substring("hello", 1, 0)`, `""`}, {`$substringBefore("a-b-c", "-")`, `"a"`}, {`$substringAfter("a-b-c", "-")`, `"b-c"`}, {`$substringAfter("abc", "x")`, `"abc"`},
	{`$uppercase("straße")`, `"STRASSE"`}, {`$lowercase("ÀB")`, `"àb"`}, {`$trim("  a \n b ")`, `"a b"`}, {`$pad("a", 3)`, `"a  "`}, {`$pad("a", -4, "xy")`, `"xyxa"`}, {`$contains("abc", "b")`, `true`}, {`$contains("abc", /B/i)`, `true`},
	{`$split("a,b,c", ",")`, `["a","b","c"]`}, {`$split("a1b22c", /[0-9]+/)`, `["a","b","c"]`}, {`$split("abc", "")`, `["a","b","c"]`}, {`$split("a,b,c", ",", 2)`, `["a","b"]`}, {`$split("a", ",", -1)`, `!D3020@7 split`}, {`$join(["a","b"], "-")`, `"a-b"`}, {`$join("a")`, `"a"`}, {`$join([1])`, `!T0412`},
	{`$match("ab12", /([a-z])([0-9])?/)`, `[{"match":"a","index":0,"groups":["a",null]},{"match":"b1","index":1,"groups":["b","1"]}]`}, {`$match("abc", /x/)`, `-`}, {`$match("aaa", /a/, 1).index`, `0`}, {`$match("a", /a/, -1)`, `!D3040`}, {`$match("ab", /x*/)`, `!D1004`},
	{`$replace("abc", "b", "x")`, `"axc"`}, {`$replace("john smith", /(\w+) (\w+)/, "$2, $1 $$ $0 $9")`, `"smith, john $ john smith "`}, {`$replace("aaa", "a", "b", 2)`, `"bba"`}, {`$replace("a", "", "b")`, `!D3010`}, {`$replace("a", "a", "b", -1)`, `!D3011`}, {`$replace("a", /a/, function($m){5})`, `!D3012`},
	{`$replace("abc", /[ac]/, function($m){$uppercase($m.match)})`, `"AbC"`}, {`$replace("abc", $x, "y")`, `!T1006`}, {`$contains("a", function($s){5})`, `!T1010`}, {`$match("xay", function($s){{"match":"a","start":1,"end":2,"groups":[],"next":function(){missing}}}).index`, `1`},
	{`/a(b)?/("xab").{"m":match,"s":start,"e":end,"g":groups}`, `{"m":"ab","s":1,"e":3,"g":["b"]}`}, {`/b/("abcb").next().start`, `3`},
	{`$base64encode("hé")`, `"aOk="`}, {`$base64decode("aGVsbG8=")`, `"hello"`}, {`$encodeUrlComponent("a b&é")`, `"a%20b%26%C3%A9"`}, {`$encodeUrl("http://x/a b?c=d")`, `"http://x/a%20b?c=d"`}, {`$decodeUrlComponent("a%20b%26")`, `"a b&"`}, {`$decodeUrl("a%20b%26")`, `"a b%26"`}, {`$decodeUrl("%E0%A4%A")`, `!D3140|Malformed URL passed to $decodeUrl(): "%E0%A4%A"`}, {`$encodeUrl("\ud800")`, `!D3140`},
	// Booleans.
	{`$boolean([0,1])`, `true`}, {`$boolean([])`, `false`}, {`$boolean([0])`, `false`}, {`$boolean({})`, `false`}, {`$boolean("")`, `false`}, {`$boolean(null)`, `false`}, {`$boolean($sum)`, `false`}, {`$boolean(missing)`, `-`}, {`$not(0)`, `true`}, {`$exists(missing)`, `false`}, {`$exists(null)`, `true`},
	// Lists.
	{`$append([1],[2,3])`, `[1,2,3]`}, {`$append(1, missing)`, `1`}, {`$reverse([1,2,3])`, `[3,2,1]`}, {`$distinct([1,"1",1,[1],[1],{"a":1},{"a":1}])`, `[1,"1",[1],{"a":1}]`}, {`$sort([3,1,2])`, `[1,2,3]`}, {`$sort(["b","a"])`, `["a","b"]`}, {`$sort([1,"a"])`, `!D3070`},
	{`$sort([{"a":2},{"a":1}], function($x,$y){$x.a > $y.a}).a`, `[1,2]`}, {`$zip([1,2],["a","b","c"])`, `[[1,"a"],[2,"b"]]`}, {`$zip()`, `!T0410`}, {`$map([1,2], function($v,$i,$a){$v + $i + $count($a)})`, `[3,5]`}, {`$map([1], function($v){$v})`, `1`}, {`$map([1,2], $string)`, `["1","2"]`},
	{`$filter([1,2,3], function($v){$v > 1})`, `[2,3]`}, {`$single([1,2,3], function($v){$v = 2})`, `2`}, {`$single([1,2])`, `!D3138`}, {`$single([])`, `!D3139`}, {`$reduce([1,2,3], function($a,$b){$a + $b})`, `6`}, {`$reduce([1,2], function($a,$b){$a + $b}, 10)`, `13`}, {`$reduce([1], function($a){1})`, `!D3050`},
	{`$count($shuffle([1..5]))`, `5`}, {`$random() < 1`, `true`},
	// Objects.
	{`$keys({"b":1,"a":2})`, `["b","a"]`}, {`$keys([{"a":1},{"b":2,"a":3}])`, `["a","b"]`}, {`$lookup({"a":1}, "a")`, `1`}, {`$lookup([{"a":1},{"a":2}], "a")`, `[1,2]`}, {`$spread({"a":1,"b":2})`, `[{"a":1},{"b":2}]`}, {`$merge([{"a":1},{"b":2,"a":3}])`, `{"a":3,"b":2}`}, {`$each({"a":1}, function($v,$k){$k & $v})`, `"a1"`},
	{`$sift({"a":1,"b":2}, function($v){$v > 1})`, `{"b":2}`}, {`$sift({"a":1}, function($v){false})`, `-`}, {`[$type(null),$type(1),$type("a"),$type(true),$type([]),$type({}),$type($sum)]`, `["null","number","string","boolean","array","object","function"]`}, {`$type(missing)`, `-`},
	{`$clone(one)`, `[{"x":5}]`}, {`$clone("a")`, `!T0410`}, {`$error("oh")`, `!D3137@7 error|oh`}, {`$error()`, `!D3137|$error() function evaluated`}, {`$assert(1=2, "no")`, `!D3141|no`}, {`$assert(true)`, `-`}, {`$assert(false)`, `!D3141|$assert() statement failed`},
	{`$eval("1+2")`, `3`}, {`($x := 4; $eval("$x * 2"))`, `8`}, {`$eval("x", one)`, `5`}, {`$eval("1+")`, `!D3120`}, {`$eval("1+'a'")`, `!D3121`}, {`$eval("($y := 2; $sum([$y, 3]))")`, `5`},
	// Times.
	{`$now()`, `"2023-11-14T22:13:20.000Z"`}, {`$millis()`, `1700000000000`}, {`$now("[Y]-[M01]-[D01]", "+0200")`, `"2023-11-15"`}, {`$fromMillis(0)`, `"1970-01-01T00:00:00.000Z"`}, {`$fromMillis(1700000000000, "[FNn], [D1o] [MNn,3-3] [Y] [h]:[m01][PN] [z]", "-0500")`, `"Tuesday, 14th Nov 2023 5:13PM GMT-05:00"`},
	{`$fromMillis(1700000000000, "[YI] [Ww] [X]-W[W01]-[F1] [d] [w] [xNn] [C] [E] [[x]]")`, `"MMXXIII forty-six 2023-W46-2 318 3 November ISO ISO [x]"`}, {`$fromMillis(1609459200000, "[X]-[W]-[F1]")`, `"2020-53-5"`}, {`$fromMillis(0, "[q]")`, `!D3132`}, {`$fromMillis(0, "[DN]")`, `!D3133`}, {`$fromMillis(0, "[Z00000]")`, `!D3134`}, {`$fromMillis(0, "[Y")`, `!D3135`},
	{`$toMillis("2023-11-14T22:13:20.000Z")`, `1700000000000`}, {`$toMillis("2023-11-15T00:13:20+02:00")`, `1700000000000`}, {`$toMillis("14 Nov 2023 10:13:20 pm", "[D] [MNn,3-3] [Y] [h]:[m]:[s] [P]")`, `1700000000000`}, {`$toMillis("2023-318", "[Y]-[d]")`, `1699920000000`}, {`$toMillis("x")`, `!D3110`}, {`$toMillis("2023 14", "[Y] [D]")`, `!D3136`}, {`$toMillis("x", "[Y]")`, `-`},
	{`$toMillis("MCMXCIX-twelve-third", "[YI]-[Mw]-[Dwo]")`, `944179200000`}, {`$toMillis("2023-W46", "[X]-W[W]")`, `!D3136`},
}

func evaluate(t *testing.T, expr, input string) (any, error) {
	t.Helper()
	x, err := Compile(expr)
	if err != nil {
		return nil, err
	}
	var v any = Undefined
	if input != "" {
		if v, err = jsonvalue.ParseString(input); err != nil {
			t.Fatal(err)
		}
	}
	return x.Evaluate(context.Background(), v, &Options{Now: testNow, Random: func() float64 { return 0.5 }})
}

func TestLanguage(t *testing.T) {
	for _, c := range language {
		got, err := evaluate(t, c.expr, shop)
		if code, is := strings.CutPrefix(c.want, "!"); is {
			code, message, _ := strings.Cut(code, "|")
			code, place, placed := strings.Cut(code, "@")
			e, failed := err.(*Error)
			if !failed {
				t.Errorf("%s: got %s, wanted %s", c.expr, show(got), c.want)
				continue
			}
			if message != "" && e.Message != message {
				t.Errorf("%s: says %s, wanted %s", c.expr, e.Message, message)
			}
			found := strings.TrimSpace(jsonvalue.FormatNumber(float64(e.Position)) + " " + e.Token)
			if at, _, hasToken := strings.Cut(place, " "); !hasToken {
				found = jsonvalue.FormatNumber(float64(e.Position))
				place = at
			}
			if e.Code != code || placed && found != place {
				t.Errorf("%s: error %s at %s, wanted %s", c.expr, e, found, c.want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v, wanted %s", c.expr, err, c.want)
			continue
		}
		if c.want == "-" {
			if !isUndefined(got) {
				t.Errorf("%s: got %s, wanted nothing", c.expr, show(got))
			}
			continue
		}
		if isUndefined(got) {
			t.Errorf("%s: got nothing, wanted %s", c.expr, c.want)
		} else if text := jsonvalue.Text(got); text != c.want {
			t.Errorf("%s: got %s, wanted %s", c.expr, text, c.want)
		}
	}
}

// TestEveryFunctionIsTested: each function of the library stands in the table, and each
// message is known by its code there or in another test.
func TestEveryFunctionIsTested(t *testing.T) {
	var all strings.Builder
	codes := map[string]bool{}
	for _, c := range language {
		all.WriteString(c.expr + "\n")
		if strings.HasPrefix(c.want, "!") {
			codes[c.want[1:6]] = true
		}
	}
	for name := range standard {
		if !strings.Contains(all.String(), "$"+name+"(") && !strings.Contains(all.String(), "$"+name+" ") {
			t.Errorf("no case calls $%s", name)
		}
	}
	elsewhere := map[string]bool{
		"U1001": true, "U1002": true, "U1003": true, "U1006": true, "U1007": true, "U1008": true, "D1011": true, "D1012": true, // api_test.go
		"S0205": true, "S0206": true, // of syntax trees that the parser does not make
	}
	for code := range messages {
		if !codes[code] && !elsewhere[code] {
			t.Errorf("no case gives %s", code)
		}
	}
}
