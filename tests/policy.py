"""A Content-Security-Policy that forbids everything inline: what violates it fails a browser's test."""


def policy(get_response):
    def answer(request):
        response = get_response(request)
        response["Content-Security-Policy"] = "default-src 'self'; img-src 'self' data:"
        return response

    return answer
