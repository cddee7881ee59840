"""YAML that cannot be read, or is no mapping of names to values; a sign stands for a line end."""

from __future__ import annotations

from tests.fuzzing.drawn import each

SYNTAX = each("""
a: [1, 2␤
a: {b: 1␤
a: 'x␤
a: "x␤
a: b: c␤
␉a: 1␤
a:␤␉- 1␤
  a: 1␤ b: 2␤
- a␤b: 1␤
a: *nope␤
a: &x␤  b: *x␤
? [a, b]␤: 1␤
a: !nope 1␤
a: !!python/object/apply:os.system ['rm -r precious']␤
a: !!python/name:os.system␤
!!python/object:os.system {}␤
%YAML 9.9␤---␤a: 1␤
%NOPE␤
a: 1␤---␤b: 2␤
---␤---␤
a: ␀␤
a: ␇␤
a: ␛[31m␤
a: @x␤
a: `x`␤
a: %x␤
a: |␤ x␤  y␤z␤
a: >␤x␤
a: [1, 2]]␤
a: }␤
a: 1 2: 3␤
: 1␤
a␤
a b c␤
= 1␤
a = 1␤
{a: 1␤
[1, 2]␤
5␤
null␤
true␤
'text'␤
a: 1␤a: 2␤
1: 2␤
1.5: 2␤
true: 2␤
null: 2␤
2020-01-01: 1␤
<<: 5␤
<<: *x␤
a: ${nope}␤
a: ${␤
a: ${nope:1}␤
a: ${a}␤
a: ${..nope}␤
a.b: 1␤
'': 1␤
'a b': 1␤
é: 1␤
? ␤
a: !!binary x␤
a: !!float x␤
a: !!int x␤
a: !!timestamp x␤
a: !!set {x}␤
a: !!omap [x: 1]␤
a: 2020-01-01␤
a: !!binary aGk=␤
a: .nan␤
""")
