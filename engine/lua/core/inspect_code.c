/* Writes the functions that a machine has loaded as data for engine.lua.proto.Proto. See inspect.h. */
#include <stdio.h>

#include "inspect.h"
#include "jsontext.h"
#include "state.h"

static Json out;

static void put_bytes(const char *key, const TString *s) {
  json_key(&out, key);
  if (s) json_hex(&out, s->bytes, string_length(s));
  else json_raw(&out, "null");
}

/* A constant as ["i", text], ["f", text of the bits], ["s", hex] or a plain JSON value. */
static void put_constant(const TValue *v) {
  char text[40];
  if (is_string(v)) {
    json_open(&out, '[');
    json_raw(&out, "\"s\"");
    json_hex(&out, string_of(v)->bytes, string_length(string_of(v)));
    json_close(&out, ']');
    return;
  }
  json_item(&out);
  if (is_number(v)) {
    snprintf(text, sizeof text, "[\"%c\",\"%lld\"]", is_integer(v) ? 'i' : 'f', (long long)v->v.i);
    json_raw(&out, text);
  } else {
    json_raw(&out, is_nil(v) ? "null" : is_false(v) ? "false" : "true");
  }
}

static void put_names(const Proto *p) {
  json_key(&out, "upvalues");
  json_open(&out, '[');
  for (int n = 0; n < p->sizeupvalues; n++) {
    json_open(&out, '{');
    put_bytes("name", p->upvalues[n].name);
    json_flag(&out, "in_stack", p->upvalues[n].instack);
    json_number(&out, "index", p->upvalues[n].idx);
    json_number(&out, "kind", p->upvalues[n].kind);
    json_close(&out, '}');
  }
  json_close(&out, ']');
  json_key(&out, "locals");
  json_open(&out, '[');
  for (int n = 0; n < p->sizelocvars; n++) {
    json_open(&out, '{');
    put_bytes("name", p->locvars[n].name);
    json_number(&out, "start", p->locvars[n].startpc);
    json_number(&out, "end", p->locvars[n].endpc);
    json_close(&out, '}');
  }
  json_close(&out, ']');
}

static void put_proto(const Proto *p) {
  json_open(&out, '{');
  json_number(&out, "id", p->id);
  json_number(&out, "where", p->where);
  put_bytes("source", p->source);
  json_number(&out, "line_defined", p->linedefined);
  json_number(&out, "last_line", p->lastlinedefined);
  json_number(&out, "parameters", p->numparams);
  json_flag(&out, "is_vararg", p->is_vararg);
  json_number(&out, "max_stack", p->maxstacksize);
  json_key(&out, "code");
  json_open(&out, '[');
  for (int n = 0; n < p->sizecode; n++) json_integer(&out, p->code[n]);
  json_close(&out, ']');
  json_key(&out, "line_info");
  json_open(&out, '[');
  for (int n = 0; n < p->sizelineinfo; n++) json_integer(&out, p->lineinfo[n]);
  json_close(&out, ']');
  json_key(&out, "absolute_lines");
  json_open(&out, '[');
  for (int n = 0; n < p->sizeabslineinfo; n++) {
    json_open(&out, '[');
    json_integer(&out, p->abslineinfo[n].pc);
    json_integer(&out, p->abslineinfo[n].line);
    json_close(&out, ']');
  }
  json_close(&out, ']');
  json_key(&out, "constants");
  json_open(&out, '[');
  for (int n = 0; n < p->sizek; n++) put_constant(&p->k[n]);
  json_close(&out, ']');
  json_key(&out, "protos");
  json_open(&out, '[');
  for (int n = 0; n < p->sizep; n++) json_integer(&out, p->p[n]->id);
  json_close(&out, ']');
  put_names(p);
  json_close(&out, '}');
}

const char *inspect_functions(Machine *m, uint32_t first, size_t *size) {
  machine_activate(m);
  json_begin(&out, NULL, 0);
  json_open(&out, '[');
  for (const GCObject *o = G->allgc; o; o = o->next) {
    const Proto *p = (const Proto *)o;
    if (o->tag == V_PROTO && p->complete && p->id >= first) put_proto(p);
  }
  json_close(&out, ']');
  return json_end(&out, size);
}
