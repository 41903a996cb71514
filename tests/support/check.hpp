/* The one assertion of the C++ tests: say where, and end. */
#ifndef TESTS_CHECK_HPP
#define TESTS_CHECK_HPP

#include <cstdio>
#include <cstdlib>
#include <string>

#define CHECK(holds)                                                                     \
    do {                                                                                 \
        if (!(holds)) {                                                                  \
            std::printf("%s:%d: %s does not hold\n", __FILE__, __LINE__, #holds);        \
            std::exit(1);                                                                \
        }                                                                                \
    } while (0)

/* The text of the exception that `call` must throw. */
template <class Exception, class Call> std::string thrown(Call call)
{
    try {
        call();
    } catch (const Exception &e) {
        return e.what();
    }
    std::printf("nothing of the right type was thrown\n");
    std::exit(1);
}

#endif
