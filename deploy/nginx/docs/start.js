// Starts Swagger UI on the description of this server. Who is logged in by cookie can try writes too: each gets the
// CSRF token that it needs. With a token in "Authorize" nothing is added.
'use strict';

async function withCsrf(request) {
    const headers = request.headers || {};

    if (['POST', 'PUT', 'DELETE'].includes((request.method || 'GET').toUpperCase()) && !headers.Authorization) {
        const answer = await fetch('/api/v1/auth/csrf-token');

        if (answer.ok) {
            headers['X-CSRFToken'] = (await answer.json()).data.csrf_token;
            request.headers = headers;
        }
    }
    return request;
}

window.addEventListener('load', function () {
    window.ui = SwaggerUIBundle({
        url: '/api/v1/openapi.json',
        dom_id: '#page',
        deepLinking: true,
        validatorUrl: null,
        presets: [SwaggerUIBundle.presets.apis],
        requestInterceptor: withCsrf
    });
});
