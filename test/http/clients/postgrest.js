// Speaks to /rest through the PostgREST client that people use, and prints what came as JSON.
//
//     node postgrest.js URL            tokens of a viewer and an administrator, one a line, on stdin
'use strict';
const { PostgrestClient } = require('@supabase/postgrest-js');
const [viewer, admin] = require('fs').readFileSync(0, 'utf8').trim().split('\n');

// What one query gave: rows, exact count, status and error code, nothing of the client's own.
async function ask(query) {
  const { data, count, status, error } = await query;
  return { data, count, status, code: error && (error.message_code || error.code || error.message) };
}

function client(token) {
  return new PostgrestClient(process.argv[2] + '/rest', {
    headers: token ? { Authorization: 'Bearer ' + token } : {},
  });
}

async function calls(token) {
  const c = client(token);
  return {
    one: await ask(c.from('instances').select('id,name,port').eq('name', 'one')),
    page: await ask(c.from('instances').select('name', { count: 'exact' }).order('name', { ascending: false }).range(1, 2)),
    filtered: await ask(c.from('instances').select('name').gt('port', 5001).ilike('name', 't%').order('name')),
    tagged: await ask(c.from('tags').select('name,display_name').in('name', ['blue', 'nothing'])),
    single: await ask(c.from('tags').select('name').eq('name', 'blue').single()),
    head: await ask(c.from('instances').select('*', { head: true, count: 'exact' })),
    rpc: await ask(c.rpc('instances_list', { search: 'thr', page_size: 5 })),
    rpcGet: await ask(c.rpc('instances_list', { search: 'thr' }, { get: true })),
    create: await ask(c.rpc('tags_create', { name: token === admin ? 'made' : 'unmade', display_name: '新', category: '环境' })),
    bad: await ask(c.rpc('instances_get', { instance_id: 99999999 })),
    users: await ask(c.from('users').select('username').order('username')),
    logs: await ask(c.from('logs').select('module').limit(1)),
    secret: await ask(c.from('login_sessions').select('*')),
    insert: await ask(c.from('instances').insert({ name: 'x' })),
    remove: await ask(c.from('instances').delete().eq('name', 'one')),
    dispatch: await ask(c.schema('whalefall_http').rpc('dispatch', {})),
  };
}

(async () => {
  console.log(JSON.stringify({ viewer: await calls(viewer), admin: await calls(admin), nobody: await calls('') }));
})();
