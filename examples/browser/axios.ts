import axios, { type AxiosInstance } from 'axios';
import type { LatchkeyClient } from 'latchkey/client';

/**
 * Lets an axios instance send the client's access token, to its own `baseURL` and nowhere else. A request
 * that is answered with 401 is sent once more after the client has seen to its token.
 */
export function withSession(instance: AxiosInstance, client: LatchkeyClient): AxiosInstance {
  // Without one axios would take absolute URLs all the same.
  if (!instance.defaults.baseURL) throw new Error('The instance needs a baseURL');
  instance.defaults.allowAbsoluteUrls = false;
  instance.interceptors.request.use(async (config) => {
    const token = await client.getAccessToken();
    if (token !== null) config.headers.set('Authorization', `Bearer ${token}`);
    return config;
  });
  instance.interceptors.response.use(undefined, async (error: unknown) => {
    if (!axios.isAxiosError(error) || error.response?.status !== 401) throw error;
    // Asks the service, and so renews a token that is of no use. An API that refuses good ones costs nothing.
    await client.user();
    const token = await client.getAccessToken();
    if (token === null || error.config === undefined) throw error;
    error.config.headers.set('Authorization', `Bearer ${token}`);
    // Not by the instance: its interceptors would do the same again, and again.
    return axios.request(error.config);
  });
  return instance;
}
